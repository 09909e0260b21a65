//! The text and title of a note.

use super::Invalid;

/// The longest text of a note, in bytes of UTF-8.
pub const CONTENT_LIMIT: usize = 256 * 1024;
const TITLE_LIMIT: usize = 200;

/// The text of a note: 1 byte to [`CONTENT_LIMIT`], not only blanks, no NUL (PostgreSQL cannot store one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteContent(String);

impl NoteContent {
    /// Parses a text.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(Invalid("Write something first."));
        }
        if text.len() > CONTENT_LIMIT {
            return Err(Invalid("The note is longer than 256 KiB."));
        }
        if text.contains('\0') {
            return Err(Invalid("The note has a NUL character, which cannot be kept."));
        }
        Ok(Self(text))
    }

    /// The text of a row.
    pub(crate) fn from_row(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, by value.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The title of a note: up to 200 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteTitle(String);

impl NoteTitle {
    /// Parses a user's input; an empty text is no title.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, Invalid> {
        let title = text.trim();
        if title.chars().count() > TITLE_LIMIT {
            return Err(Invalid("The title has more than 200 characters."));
        }
        if title.chars().any(char::is_control) {
            return Err(Invalid("The title has a line break or another control character."));
        }
        Ok((!title.is_empty()).then(|| Self(title.to_owned())))
    }

    /// The title of a row.
    pub(crate) fn from_row(title: String) -> Self {
        Self(title)
    }

    /// The title.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Restores the line breaks of a form's text: browsers send every line break as CRLF (HTML, "form data set").
pub fn with_unix_newlines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_exactly_the_limit_is_one_and_a_byte_more_is_not() {
        let full = "🕊".repeat(CONTENT_LIMIT / 4);
        assert!(NoteContent::parse(full.clone()).is_ok());
        assert!(NoteContent::parse(full + "a").is_err());
        assert!(NoteContent::parse(" \n").is_err());
        assert!(NoteContent::parse("a\0b").is_err());
    }
}
