//! What somebody looks for.

use super::Invalid;

/// The most characters that a search takes.
pub const SEARCH_LIMIT: usize = 200;

/// Words to look for: 1 to [`SEARCH_LIMIT`] characters, not only blanks, no NUL, all of it text. Whatever
/// they are, they are a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchWords(String);

impl SearchWords {
    /// Parses what was typed; an empty text looks for nothing.
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
        // Bytes of a URL that are no UTF-8 have become this character by now.
        if words.contains('\u{fffd}') {
            return Err(Invalid("The search has bytes that are no text."));
        }
        Ok((!words.is_empty()).then(|| Self(words.to_owned())))
    }

    /// The words as they were typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
