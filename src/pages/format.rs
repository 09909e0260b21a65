//! How values look on pages: times, titles and excerpts.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::markdown;
use crate::store::{DeliveryState, ListedNote, Note, NoteState};

const TITLE_CHARACTERS: usize = 80;
const EXCERPT_CHARACTERS: usize = 160;

/// A point in time, as pages show it.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(pub DateTime<Utc>);

impl Timestamp {
    /// The time for the `datetime` attribute (RFC 3339).
    pub fn iso(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%-d %b %Y, %H:%M UTC"))
    }
}

/// The state of a note's delivery, as its author reads it.
pub fn delivery_in_words(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending | DeliveryState::Published => "on its way",
        DeliveryState::Acknowledged => "arrived",
        DeliveryState::Failed => "failed to arrive; an operator has been notified",
    }
}

/// A note in a list.
pub struct NoteCard {
    pub id: i64,
    /// The title, or the first line of the text.
    pub title: String,
    /// The beginning of the text.
    pub excerpt: String,
    /// When the text changed, or when the note was deleted.
    pub at: Timestamp,
    pub in_bin: bool,
}

impl NoteCard {
    /// The card of a note in a list of own notes.
    pub fn listed(listed: &ListedNote, state: NoteState) -> Self {
        let at = Timestamp(listed.at);
        Self { at, in_bin: state == NoteState::Deleted, ..Self::of(&listed.note) }
    }

    /// The card of a note that is not in the bin.
    pub fn of(note: &Note) -> Self {
        let text = beginning(note.content.as_str(), |text| {
            let behind_title = if note.title.is_some() { text } else { behind_first_line(text) };
            has_more_than(EXCERPT_CHARACTERS, behind_title)
        });
        let (title, excerpt) = match &note.title {
            Some(title) => (title.as_str().to_owned(), text.as_str()),
            None => (first_line(&text), behind_first_line(&text)),
        };
        Self {
            id: note.id.number(),
            title,
            excerpt: cut(&excerpt.replace('\n', " "), EXCERPT_CHARACTERS),
            at: Timestamp(note.updated_at),
            in_bin: false,
        }
    }
}

/// The title of a note, or the first line of its text.
pub fn heading(note: &Note) -> String {
    let title = note.title.as_ref().map(|title| title.as_str()).unwrap_or_default();
    heading_of(title, note.content.as_str())
}

/// The same for a title that may be empty.
pub fn heading_of(title: &str, content: &str) -> String {
    if title.is_empty() {
        first_line(&beginning(content, |text| text.trim_start().contains('\n')))
    } else {
        title.to_owned()
    }
}

fn first_line(text: &str) -> String {
    let first = cut(text.lines().next().unwrap_or_default(), TITLE_CHARACTERS);
    if first.is_empty() { "Untitled".to_owned() } else { first }
}

fn behind_first_line(text: &str) -> &str {
    text.trim_start().split_once('\n').map_or("", |(_, rest)| rest)
}

/// Whether [`cut`] would shorten the text.
fn has_more_than(characters: usize, text: &str) -> bool {
    let text = text.trim();
    text.len() > characters && text.chars().nth(characters).is_some()
}

/// The beginning of a Markdown text without its markup, until it is long enough. No more of it is parsed than
/// a title and an excerpt need.
fn beginning(text: &str, is_enough: impl Fn(&str) -> bool) -> String {
    markdown::beginning(text, 2 * (TITLE_CHARACTERS + EXCERPT_CHARACTERS), is_enough)
}

fn cut(text: &str, characters: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_until_its_beginning_is_long_enough() {
        let markdown = "Head\n\n".to_owned() + &"*word* ".repeat(60);
        let all = beginning(&markdown, |_| false);
        let enough = beginning(&markdown, |text| has_more_than(EXCERPT_CHARACTERS, behind_first_line(text)));
        assert!(enough.len() < all.len() && all.starts_with(&enough));
        let excerpt = |text: &str| cut(behind_first_line(text), EXCERPT_CHARACTERS);
        assert_eq!(excerpt(&enough), excerpt(&all));
    }

    #[test]
    fn an_excerpt_has_no_markup_and_is_cut() {
        let all = |markdown| beginning(markdown, |_| false);
        assert_eq!(all("# Head\n\nsome **bold** `code`\nnext"), "Head\nsome bold code\nnext");
        assert_eq!(cut(&"é".repeat(200), 160).chars().count(), 161);
    }
}
