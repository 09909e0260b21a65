//! The response to a note that could not be saved. It carries the text, so that nothing typed is lost: inside
//! the login page when the session has ended, and otherwise inside a form that says why and what to do.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::draft::Draft;
use super::frame::page;
use super::login_page::LoginFormPage;
use crate::web::error::{PublicError, default_sentence};
use crate::web::{CurrentUser, Error, Frame};

/// Makes no query but for a note that is gone, as the database may be what fails.
#[derive(Template)]
#[template(path = "notes/unsaved.html")]
struct UnsavedPage {
    frame: Frame,
    /// Why the text was not saved.
    sentence: &'static str,
    /// What the user can do now.
    advice: &'static str,
    way_on: WayOn,
    /// Where the form is sent.
    action: String,
    draft: Draft,
}

/// What the form of the page does with the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WayOn {
    /// It is sent again to where it was sent.
    TryAgain,
    /// It is sent again, from a page of the tenant that is active now.
    SaveHere,
    /// It becomes a new note.
    NewNote,
    /// The note is taken out of the bin and saved, or the text becomes a new note.
    Restore,
}

/// Answers a text that was not saved because of `error`, with the text. The user is none when the session has
/// not been found.
///
/// # Errors
/// [`Error`] of the page.
pub async fn unsaved(
    draft: Draft,
    error: Error,
    (user, cookie): (Option<&CurrentUser>, &Session),
) -> Result<HttpResponse, Error> {
    if matches!(error, Error::LoginRequired) {
        return ask_to_log_in(cookie, draft);
    }
    let status = error.status_code();
    let (sentence, advice, way_on) = explain(&draft, &error, user).await;
    // For its headers, such as Retry-After, and for the lines in the log.
    let mut refused = error.error_response();
    let frame = user.map_or_else(Frame::bare, |user| Frame::of_user(user, cookie));
    let action = match way_on {
        WayOn::NewNote => format!("/notes{}", frame.of_tenant),
        WayOn::SaveHere => format!("{}{}", draft.action, frame.of_tenant),
        WayOn::TryAgain | WayOn::Restore => format!("{}{}", draft.action, draft.of_tenant),
    };
    let mut response = page(status, &UnsavedPage { frame, sentence, advice, way_on, action, draft })?;
    for (name, value) in refused.headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    if let Some(public) = refused.extensions_mut().remove::<PublicError>() {
        response.extensions_mut().insert(public);
    }
    Ok(response)
}

/// Why the text was not saved, what the user can do, and the form for it.
async fn explain(
    draft: &Draft,
    error: &Error,
    user: Option<&CurrentUser>,
) -> (&'static str, &'static str, WayOn) {
    let status = error.status_code();
    match error {
        Error::LimitReached(limit) => (limit.sentence(), "Try again when there is room.", WayOn::TryAgain),
        Error::OtherTenant if draft.note().is_none() => (
            "You switched to another organization after you opened this form, so the note was not saved.",
            "“Try again” saves it in the organization that is active now.",
            WayOn::SaveHere,
        ),
        Error::OtherTenant => (
            "You switched to another organization after you opened this form, so the note was not saved.",
            "Switch back in another tab, and then try again here.",
            WayOn::TryAgain,
        ),
        Error::NotFound if is_in_bin(draft, user).await => (
            "This note was moved to the bin while you were editing it.",
            "Restore the note with your text, or save the text as a new note.",
            WayOn::Restore,
        ),
        Error::NotFound => (
            "This note was deleted, or it is no longer shared with you.",
            "Save it as a new note of your own.",
            WayOn::NewNote,
        ),
        Error::Forbidden(_) => (
            "You may read this note, but you may not change it any more.",
            "Save your text as a new note of your own.",
            WayOn::NewNote,
        ),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => (
            "This could not be saved right now.",
            "Leave this page open, and try again in a moment.",
            WayOn::TryAgain,
        ),
        _ => (default_sentence(status), "Leave this page open, and try again in a moment.", WayOn::TryAgain),
    }
}

/// Whether the user can take the draft's note out of the bin.
async fn is_in_bin(draft: &Draft, user: Option<&CurrentUser>) -> bool {
    match (draft.note(), user) {
        (Some(note), Some(user)) => user.tenant.is_in_bin(user.id, note).await.unwrap_or(false),
        _ => false,
    }
}

fn ask_to_log_in(cookie: &Session, draft: Draft) -> Result<HttpResponse, Error> {
    let login = LoginFormPage { draft: Some(draft), ..LoginFormPage::empty(Frame::public(cookie, "")) };
    page(StatusCode::UNAUTHORIZED, &login)
}
