//! Searching for words: what a note stores so that it is found (`index`), what a search asks for (`query`),
//! and the places in a text that it found (`hits`). All three compare runs of folded words (`folding`,
//! `words`), and an index narrows the notes down by the `keys` of parts of words.

mod folding;
mod hits;
mod index;
mod keys;
mod query;
mod words;

pub use hits::{HighlightedText, TextPart, hits};
pub use index::SearchIndex;
pub use query::{Alternative, SearchQuery};

use super::Invalid;

/// The longest search, in characters.
pub const SEARCH_LIMIT: usize = 200;

/// A search: 1 to [`SEARCH_LIMIT`] characters, not only blanks, no NUL, valid UTF-8. Any such text is a valid
/// search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchWords(String);

impl SearchWords {
    /// Parses a user's input; an empty text is no search.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, Invalid> {
        let words = text.trim();
        if words.chars().count() > SEARCH_LIMIT {
            return Err(Invalid("Search for at most 200 characters."));
        }
        if words.contains('\0') {
            return Err(Invalid("The search has a NUL character, which no note has."));
        }
        // The URL decoder replaces bytes that are no UTF-8 by this character.
        if words.contains('\u{fffd}') {
            return Err(Invalid("The search has bytes that are no text."));
        }
        Ok((!words.is_empty()).then(|| Self(words.to_owned())))
    }

    /// The text as the user typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
