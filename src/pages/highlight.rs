//! A text in which the hits of a search are marked.

use std::fmt;

use crate::store::{HIT_END, HIT_START};

/// A text with marked parts. `Display` writes the text without the marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HighlightedText {
    pub parts: Vec<TextPart>,
}

/// A part of a text, marked or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPart {
    pub text: String,
    pub hit: bool,
}

impl HighlightedText {
    /// A text without hits.
    pub fn plain(text: String) -> Self {
        Self { parts: vec![TextPart { text, hit: false }] }
    }

    /// Reads a text in which each hit is between [`HIT_START`] and [`HIT_END`]. A note may contain these
    /// characters itself; they can only mark a part that is no hit.
    pub fn of(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut add = |text: &str, hit| {
            if !text.is_empty() {
                parts.push(TextPart { text: text.replace([HIT_START, HIT_END], ""), hit });
            }
        };
        for (index, piece) in text.split(HIT_START).enumerate() {
            match piece.split_once(HIT_END) {
                Some((hit, rest)) if index > 0 => {
                    add(hit, true);
                    add(rest, false);
                }
                _ => add(piece, false),
            }
        }
        Self { parts }
    }
}

impl fmt::Display for HighlightedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| f.write_str(&part.text))
    }
}

#[cfg(test)]
mod tests {
    use super::HighlightedText;

    #[test]
    fn hits_are_parts_of_their_own_and_stray_marks_are_dropped() {
        let parts = |text: &str| {
            HighlightedText::of(text).parts.into_iter().map(|part| (part.text, part.hit)).collect::<Vec<_>>()
        };
        let owned = |parts: &[(&str, bool)]| {
            parts.iter().map(|(text, hit)| ((*text).to_owned(), *hit)).collect::<Vec<_>>()
        };
        assert_eq!(
            parts("a \u{2}b\u{3} c\u{2}d\u{3}"),
            owned(&[("a ", false), ("b", true), (" c", false), ("d", true)])
        );
        assert_eq!(parts("\u{3}a\u{2}b\u{2}c"), owned(&[("a", false), ("b", false), ("c", false)]));
        assert_eq!(HighlightedText::of("a \u{2}b\u{3}").to_string(), "a b");
        assert!(parts("").is_empty());
    }
}
