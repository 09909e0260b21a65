//! A text that was typed into a note's form when nobody was logged in any more. It travels through the login page and
//! comes back into the form, so that an expired session costs nothing.

use serde::{Deserialize, Serialize};

use crate::domain::NoteId;

/// What is typed into a note's form.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct NoteForm {
    /// The title, which may be empty.
    pub title: String,
    /// The text.
    pub content: String,
    /// The version that an edit started from.
    pub version: String,
    /// The number of the form, the same for a second click on its button.
    pub once: String,
}

/// What was typed, and the form that it belongs to.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where the form goes: /notes or /notes/{id}.
    pub action: String,
    /// What was typed.
    pub form: NoteForm,
}

impl Draft {
    /// The note that the text belongs to; none for a new one.
    pub fn note(&self) -> Option<NoteId> {
        NoteId::parse(self.action.strip_prefix("/notes/")?)
    }
}
