//! The functions, types and public items of a file.

use std::collections::BTreeMap;

use super::source::{Source, closing_brace, is_word};

/// Each function with the line of its `fn` and its number of lines; those without a body left out.
pub fn functions_of(source: &Source) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for (name, position) in names_after(&source.code, "fn") {
        let open = source.code[position..].find(['{', ';']).map(|offset| position + offset);
        if let Some(open) = open.filter(|open| source.code[*open..].starts_with('{')) {
            let line = source.line_of(position);
            let length = source.line_of(closing_brace(&source.code, open)) - line + 1;
            functions.push((name, line, length));
        }
    }
    functions
}

/// The names and lines of the types that a file defines. A `type` inside a trait or an `impl` is an
/// associated type: its name comes from the trait.
pub fn types_of(source: &Source) -> Vec<(String, usize)> {
    let mut types = Vec::new();
    for keyword in ["struct", "enum", "trait", "type"] {
        for (name, position) in names_after(&source.code, keyword) {
            let start_of_line = source.code[..position].rfind('\n').map_or(0, |end| end + 1);
            let indented = source.code[start_of_line..].starts_with(' ');
            if keyword != "type" || !indented {
                types.push((name, source.line_of(position)));
            }
        }
    }
    types
}

/// The names after a keyword, with the keyword's position.
pub fn names_after(code: &str, keyword: &str) -> Vec<(String, usize)> {
    let bytes = code.as_bytes();
    let alone = |position: usize| {
        let starts = position == 0 || !(is_word(bytes[position - 1]) || bytes[position - 1] == b'$');
        starts && bytes.get(position + keyword.len()) == Some(&b' ')
    };
    let positions = code.match_indices(keyword).map(|(position, _)| position).filter(|at| alone(*at));
    let names = positions.filter_map(|position| {
        let rest = code[position + keyword.len()..].trim_start().trim_start_matches("r#");
        let name: String =
            rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        (!name.is_empty()).then_some((name, position))
    });
    names.collect()
}

/// Public items without a doc comment. A module's may be at the top of its file.
pub fn without_docs(source: &Source, modules: &BTreeMap<&[String], &Source>) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let code: Vec<&str> = source.code.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let Some((keyword, name)) = public_item(line) else { continue };
        let in_its_file = keyword == "mod" && {
            let module = [source.module.as_slice(), &[name.to_owned()]].concat();
            modules.get(module.as_slice()).is_some_and(|file| file.text.starts_with("//!"))
        };
        if !in_its_file && !has_docs(&lines[..index]) {
            findings.push(format!("{}:{} pub {keyword} {name}", source.path, index + 1));
        }
    }
    findings
}

/// The keyword and the name of an item that is public without restriction.
fn public_item(line: &str) -> Option<(&str, &str)> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace().peekable();
    loop {
        let word = words.next()?;
        let constant_function = word == "const" && words.peek().is_some_and(|next| MODIFIERS.contains(next));
        if constant_function || (word != "const" && word != "fn" && MODIFIERS.contains(&word)) {
            continue;
        }
        if !ITEMS.contains(&word) {
            return None;
        }
        let name = words.find(|word| *word != "mut")?;
        let end = name.find(|letter: char| !letter.is_alphanumeric() && !"_$".contains(letter));
        return Some((word, &name[..end.unwrap_or(name.len())]));
    }
}

const ITEMS: &[&str] = &["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
const MODIFIERS: &[&str] = &["const", "fn", "async", "unsafe", "extern"];

/// Whether a doc comment is above an item, behind its attributes. In a macro it may come from the caller
/// (`$(#[$doc])*`).
fn has_docs(above: &[&str]) -> bool {
    let mut open = 0;
    for line in above.iter().rev().map(|line| line.trim()) {
        if open == 0 && (line.starts_with("///") || line.starts_with("#[doc") || line.starts_with("$(#[")) {
            return true;
        }
        open += line.matches([']', ')']).count() as i64 - line.matches(['[', '(']).count() as i64;
        let attribute = line.starts_with("#[") || line.starts_with("//");
        if open <= 0 && !attribute {
            return false;
        }
    }
    false
}
