//! What a note stores so that searches find it.

use super::keys::{Zone, keys_of, scope_of};
use super::words::words_of;
use crate::domain::{NoteContent, NoteTitle, UserId};

/// The most bytes of a first line that stands for a title.
const FIRST_LINE: usize = 400;

/// The words and keys of a note.
pub struct SearchIndex {
    /// The words of the title, or of the first line of a note without a title, a line break, and the words of
    /// the text.
    pub text: String,
    /// The keys of both, sorted.
    pub keys: Vec<i32>,
}

impl SearchIndex {
    /// The index of a note that this author wrote.
    pub fn of(author: UserId, title: Option<&NoteTitle>, content: &NoteContent) -> Self {
        Self::of_texts(author.number(), title.map(NoteTitle::as_str), content.as_str())
    }

    /// The same for the number of the author and texts that come from no user.
    pub fn of_texts(author: i64, title: Option<&str>, content: &str) -> Self {
        let title = words_of(title.unwrap_or_else(|| first_line(content)));
        let mut keys = keys_of(&title, Zone::Title);
        let text = title + "\n" + &words_of(content);
        keys.extend(keys_of(&text, Zone::Note));
        let scope = scope_of(author);
        keys.iter_mut().for_each(|key| *key ^= scope);
        keys.sort_unstable();
        keys.dedup();
        Self { text, keys }
    }
}

fn first_line(content: &str) -> &str {
    let line = content.trim_start().lines().next().unwrap_or_default();
    &line[..line.floor_char_boundary(FIRST_LINE)]
}
