//! How values look on pages: times, excerpts, and a note's text as safe HTML.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, SecondsFormat, Utc};
use pulldown_cmark::{Event, Options, Parser, TagEnd, html};

use crate::store::{Bin, Note};

const TITLE_CHARACTERS: usize = 80;
const EXCERPT_CHARACTERS: usize = 160;

/// A point in time on a page.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub DateTime<Utc>);

impl Moment {
    /// For machines (RFC 3339).
    pub fn iso(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%-d %b %Y, %H:%M UTC"))
    }
}

/// A note in a list.
pub struct NoteCard {
    /// Its number.
    pub id: i64,
    /// Its title, or the beginning of its text.
    pub title: String,
    /// The beginning of its text.
    pub excerpt: String,
    /// When it last changed.
    pub updated_at: Moment,
    /// Whether it is in the bin.
    pub in_bin: bool,
}

impl NoteCard {
    /// The card of a note.
    pub fn of(note: &Note, bin: Bin) -> Self {
        let text = plain_text(note.content.as_str());
        let (title, excerpt) = match &note.title {
            Some(title) => (title.as_str().to_owned(), text.as_str()),
            None => (first_line(&text), text.split_once('\n').map_or("", |(_, rest)| rest)),
        };
        Self {
            id: note.id.number(),
            title,
            excerpt: cut(&excerpt.replace('\n', " "), EXCERPT_CHARACTERS),
            updated_at: Moment(note.updated_at),
            in_bin: bin == Bin::In,
        }
    }
}

/// The title of a note, or the first line of its text.
pub fn heading(note: &Note) -> String {
    match &note.title {
        Some(title) => title.as_str().to_owned(),
        None => first_line(&plain_text(note.content.as_str())),
    }
}

fn first_line(text: &str) -> String {
    let first = cut(text.lines().next().unwrap_or_default(), TITLE_CHARACTERS);
    if first.is_empty() { "Untitled".to_owned() } else { first }
}

/// The beginning of a Markdown text without its marks, a line for each block; enough for a title and an excerpt.
fn plain_text(markdown: &str) -> String {
    let end = markdown.char_indices().nth(2 * (TITLE_CHARACTERS + EXCERPT_CHARACTERS)).map_or(markdown.len(), |(end, _)| end);
    let mut plain = String::new();
    for event in Parser::new_ext(&markdown[..end], OPTIONS) {
        match event {
            Event::Text(text) | Event::Code(text) => plain.push_str(&text),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::CodeBlock | TagEnd::TableRow) => plain.push('\n'),
            Event::End(TagEnd::TableCell) => plain.push(' '),
            _ => {}
        }
    }
    plain.trim().to_owned()
}

fn cut(text: &str, characters: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_FOOTNOTES);

/// Cleans what Markdown allows: HTML inside it is parsed as a browser does and only harmless elements stay. Images are
/// left out, as they would tell another server who reads the note; ids are, as they could shadow ours.
static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = ammonia::Builder::default();
    cleaner
        .rm_tags(["img", "map", "area"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    cleaner
});

/// A note's text as HTML that is safe to show.
pub fn markdown(text: &str) -> String {
    let mut rendered = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut rendered, Parser::new_ext(text, OPTIONS));
    CLEANER.clean(&rendered).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_scripts_are_not() {
        let shown =
            markdown("# Hi\n\n*a* <script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) [y](https://e.org)");
        assert!(shown.contains("<h1>Hi</h1>") && shown.contains("<em>a</em>"), "{shown}");
        assert!(shown.contains("rel=\"noopener noreferrer nofollow\""), "{shown}");
        for bad in ["<script", "onerror", "javascript:", "<img", "style="] {
            assert!(!shown.contains(bad), "{bad} in {shown}");
        }
    }

    #[test]
    fn an_excerpt_has_no_marks_and_ends_in_time() {
        assert_eq!(plain_text("# Head\n\nsome **bold** `code`\nnext"), "Head\nsome bold code\nnext");
        assert_eq!(cut(&"é".repeat(200), 160).chars().count(), 161);
    }
}
