//! A text that was typed into a note's form when nobody was logged in any more. It travels through the login page and
//! comes back into the form, so that an expired session costs nothing.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::frame::Frame;
use super::login::LoginPage;
use super::notes::{self, NoteForm};
use crate::auth::CurrentUser;
use crate::domain::NoteId;
use crate::web::{Error, FieldErrors};

/// The text and the form that it belongs to.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where the form goes: /notes or /notes/{id}.
    pub action: String,
    /// What was typed as title.
    pub title: String,
    /// What was typed as text.
    pub content: String,
    /// The version that an edit started from.
    pub version: String,
}

impl Draft {
    /// Keeps a form's text.
    pub fn of(action: String, form: &NoteForm) -> Self {
        Self { action, title: form.title.clone(), content: form.content.clone(), version: form.version.clone() }
    }

    /// The note that the text belongs to; none for a new one.
    fn note(&self) -> Option<NoteId> {
        NoteId::parse(self.action.strip_prefix("/notes/")?)
    }

    fn into_form(self) -> NoteForm {
        NoteForm { title: self.title, content: self.content, version: self.version }
    }
}

/// Answers a post that came too late: the login page, with the text along.
pub fn ask_to_log_in(cookie: &Session, draft: Draft) -> Result<HttpResponse, Error> {
    let page = LoginPage { draft: Some(draft), ..LoginPage::empty(Frame::public(cookie, "")) };
    super::frame::page(StatusCode::UNAUTHORIZED, &page)
}

/// Gives the text back, in the form that it came from.
pub async fn hand_back(user: &CurrentUser, cookie: &Session, draft: Draft) -> Result<HttpResponse, Error> {
    if let Some(id) = draft.note()
        && let Some(note) = user.tenant.note(user.id, id).await?
    {
        return notes::edit_page(StatusCode::OK, user, cookie, &note, draft.into_form(), FieldErrors::default());
    }
    notes::index_page(StatusCode::OK, user, cookie, draft.into_form(), FieldErrors::default()).await
}
