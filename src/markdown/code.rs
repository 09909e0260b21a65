//! Code blocks, whose words get classes by the grammar of their language.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pulldown_cmark::CodeBlockKind;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::inline::push_escaped;

/// The most bytes of code in a text that are highlighted.
const MOST_BYTES: usize = 64 * 1024;
/// The longest line. Grammars are regular expressions, whose time may grow faster than the line.
const LONGEST_LINE: usize = 500;
/// The time after which the rest of a text's code is shown plain. The first use of a language takes a part of
/// it, as its expressions are compiled then.
const TIMEOUT: Duration = Duration::from_millis(300);
/// Highlighted code takes at most so many times the bytes of the code, and [`FREE_BYTES`]; else it is plain.
const BYTES_FOR_A_BYTE: usize = 5;
const FREE_BYTES: usize = 1024;

/// The grammars that come with the editor bat; they are loaded at the first code with a language.
static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// The classes, by the beginning of a scope. The first that fits counts, from the innermost scope on.
static CLASSES: LazyLock<Vec<(Scope, &'static str)>> = LazyLock::new(|| {
    [
        ("comment", "code-comment"),
        ("string", "code-string"),
        ("constant.character.escape", "code-escape"),
        ("constant", "code-constant"),
        ("keyword.operator", ""),
        ("keyword", "code-keyword"),
        ("storage", "code-keyword"),
        ("entity.name.function", "code-function"),
        ("support.function", "code-function"),
        ("variable.function", "code-function"),
        ("entity.name.tag", "code-keyword"),
        ("entity.other.attribute-name", "code-function"),
        ("entity.name", "code-type"),
        ("support", "code-type"),
        ("markup.inserted", "code-added"),
        ("markup.deleted", "code-removed"),
        ("markup.heading", "code-keyword"),
    ]
    .into_iter()
    .filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, class)))
    .collect()
});

/// Names of languages that are common and not among the names and endings of the grammars.
const ALIASES: &[(&str, &str)] =
    &[("shell", "sh"), ("console", "sh"), ("golang", "go"), ("c++", "cpp"), ("postgresql", "sql")];

/// Highlights the code of one text.
pub struct Highlighter {
    timeout: Duration,
    used_bytes: usize,
    deadline: Option<Instant>,
}

impl Default for Highlighter {
    fn default() -> Self {
        Self::with_timeout(TIMEOUT)
    }
}

impl Highlighter {
    fn with_timeout(timeout: Duration) -> Self {
        Self { timeout, used_bytes: 0, deadline: None }
    }

    /// Writes the code, with classes if the language is known and the bounds allow it.
    pub fn push(&mut self, language: &str, code: &str, html: &mut String) {
        // The library panics where an expression of a grammar cannot be compiled.
        let highlighted = catch_unwind(AssertUnwindSafe(|| self.highlighted(language, code)));
        match highlighted {
            Ok(Some(highlighted)) => html.push_str(&highlighted),
            Ok(None) | Err(_) => push_escaped(code, html),
        }
    }

    fn highlighted(&mut self, language: &str, code: &str) -> Option<String> {
        if language.is_empty() || self.used_bytes + code.len() > MOST_BYTES {
            return None;
        }
        let grammar = grammar(language)?;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.timeout);
        self.used_bytes += code.len();
        let mut html = String::with_capacity(code.len() * 2);
        let mut line_parser = ParseState::new(grammar);
        let mut scopes = ScopeStack::new();
        for line in code.split_inclusive('\n') {
            if line.len() > LONGEST_LINE || Instant::now() >= deadline {
                return None;
            }
            let changes = line_parser.parse_line(line, &GRAMMARS).ok()?;
            let mut shown = 0;
            for (at, change) in changes {
                push_classed(class(&scopes), line.get(shown..at)?, &mut html);
                scopes.apply(&change).ok()?;
                shown = at;
            }
            push_classed(class(&scopes), &line[shown..], &mut html);
            if html.len() > code.len() * BYTES_FOR_A_BYTE + FREE_BYTES {
                return None;
            }
        }
        Some(html)
    }
}

/// The language of a code block: the first word behind the fence, if it could be a name.
pub fn language_of(kind: &CodeBlockKind<'_>) -> String {
    let CodeBlockKind::Fenced(info) = kind else { return String::new() };
    let word = info.split(|character: char| character.is_whitespace() || character == ',').next();
    word.filter(|word| word.len() <= 40).unwrap_or_default().to_owned()
}

fn grammar(language: &str) -> Option<&'static SyntaxReference> {
    let name = language.to_ascii_lowercase();
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, known)| known);
    GRAMMARS.find_syntax_by_token(name)
}

fn class(scopes: &ScopeStack) -> &'static str {
    let known = |scope: &Scope| {
        CLASSES.iter().find(|(beginning, _)| beginning.is_prefix_of(*scope)).map(|(_, class)| *class)
    };
    scopes.as_slice().iter().rev().find_map(known).unwrap_or_default()
}

fn push_classed(class: &str, text: &str, html: &mut String) {
    if text.is_empty() {
        return;
    }
    if class.is_empty() || text.trim().is_empty() {
        return push_escaped(text, html);
    }
    html.push_str("<span class=\"");
    html.push_str(class);
    html.push_str("\">");
    push_escaped(text, html);
    html.push_str("</span>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(language: &str, code: &str) -> String {
        let mut html = String::new();
        Highlighter::with_timeout(Duration::from_secs(600)).push(language, code, &mut html);
        html
    }

    #[test]
    fn words_of_known_languages_get_classes() {
        for (language, code, wanted) in [
            ("rust", "fn main() {} // why\n", "<span class=\"code-keyword\">fn</span>"),
            ("Python", "x = \"<b>\"\n", "&lt;b&gt;"),
            ("ts", "const a: number = 1;\n", "code-keyword"),
            ("toml", "a = 1 # b\n", "code-comment"),
            ("shell", "echo \"hi\" # b\n", "code-comment"),
            ("sql", "SELECT 1 -- x\n", "code-keyword"),
            ("diff", "+a\n-b\n", "code-added"),
            ("json", "{\"a\": null}\n", "code-constant"),
        ] {
            let html = shown(language, code);
            assert!(html.contains(wanted), "{language}: {html}");
        }
    }

    #[test]
    fn the_text_is_the_same_without_the_tags() {
        let code = "fn a<'b>(x: &'b str) -> Vec<u8> { /* <i> */ \"\\n&\".into() }\n";
        let mut plain = String::new();
        push_escaped(code, &mut plain);
        let html = shown("rs", code);
        let without_tags: String = html
            .split('<')
            .enumerate()
            .map(
                |(index, piece)| {
                    if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, rest)| rest) }
                },
            )
            .collect();
        assert_eq!(without_tags, plain);
    }

    #[test]
    fn code_is_plain_when_the_time_is_over() {
        let mut html = String::new();
        Highlighter::with_timeout(Duration::ZERO).push("rust", "fn a() {}\n", &mut html);
        assert_eq!(html, "fn a() {}\n");
    }

    #[test]
    fn other_code_is_plain() {
        let long = "1 ".repeat(10_000);
        let many = "1 2 3 4 5 6 7 8 9\n".repeat(10_000);
        for (language, code) in
            [("", "fn a"), ("nothing-known", "fn a"), ("rust", long.as_str()), ("rust", many.as_str())]
        {
            assert_eq!(shown(language, code), code);
        }
    }
}
