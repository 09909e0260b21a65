//! A text that was typed into a note's form and could not be saved. When nobody was logged in any more it
//! travels through the login page and comes back into the form; when it was a fault of ours it comes back at
//! once, to be sent again.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::frame::page;
use super::login_page::ask_to_log_in;
use crate::domain::NoteId;
use crate::web::error::default_sentence;
use crate::web::{Error, Frame};

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

/// Asks nothing of the database, which may be what is broken.
#[derive(Template)]
#[template(path = "notes/unsaved.html")]
struct UnsavedPage {
    frame: Frame,
    sentence: &'static str,
    draft: Draft,
}

impl Draft {
    /// Answers a text that was not saved because of `error`, with the text where that helps.
    ///
    /// # Errors
    /// The same one, when it is about the text or about who sent it.
    pub fn kept(self, error: Error, cookie: &Session) -> Result<HttpResponse, Error> {
        let status = error.status_code();
        if matches!(error, Error::LoginRequired) {
            return ask_to_log_in(cookie, self);
        }
        if !status.is_server_error() {
            return Err(error);
        }
        error.log();
        let may_pass = status == StatusCode::SERVICE_UNAVAILABLE;
        let sentence = if may_pass { "This could not be saved right now." } else { default_sentence(status) };
        page(status, &UnsavedPage { frame: Frame::bare(), sentence, draft: self })
    }

    /// The note that the text belongs to; none for a new one.
    pub fn note(&self) -> Option<NoteId> {
        NoteId::parse(self.action.strip_prefix("/notes/")?)
    }
}
