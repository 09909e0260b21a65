//! The form of a note, and a draft: a sent form that was not saved. A draft travels through the login page
//! and comes back into the form.

use serde::{Deserialize, Serialize};

use crate::domain::NoteId;
use crate::web::Frame;

/// The form of a note, as it was sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct NoteForm {
    pub title: String,
    pub content: String,
    /// The version of the note from which an edit started.
    pub version: String,
    /// The form's number, which makes a second click on its button the same request. The browser keeps the
    /// text under it until a page says that it is saved.
    pub once: String,
    /// The number of the note that a preview belongs to; empty for a new one.
    pub note: String,
    /// `yes` to take the note out of the bin first.
    pub restore: String,
    /// `keep` to save the marker lines of a merge as a part of the text.
    pub markers: String,
    /// `yes` when the form proposed a merge.
    pub merging: String,
}

impl NoteForm {
    /// The number under which the form is shown again: its own, or that of the page where it has none.
    pub fn number(&self, frame: &Frame) -> String {
        if self.once.is_empty() { frame.form_number.clone() } else { self.once.clone() }
    }
}

/// A form of a note that was not saved, and where it was sent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// `/notes` or `/notes/{id}`.
    pub action: String,
    /// The end of the address that names the tenant of the form's page.
    pub of_tenant: String,
    pub form: NoteForm,
}

impl Draft {
    /// The note that the text belongs to; none for a new one.
    pub fn note(&self) -> Option<NoteId> {
        NoteId::parse(self.action.strip_prefix("/notes/")?)
    }

    /// What the browser keeps the text for: the note's number, or `new`.
    pub fn key(&self) -> String {
        self.note().map_or_else(|| "new".to_owned(), |note| note.to_string())
    }
}
