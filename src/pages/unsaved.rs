//! The response to a note that could not be saved. It carries the text, so that nothing typed is lost: inside
//! the login page when the session has ended, and inside a page with the form after a failure of the server.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::draft::Draft;
use super::frame::page;
use super::login_page::LoginFormPage;
use crate::web::error::default_sentence;
use crate::web::{Error, Frame};

/// Makes no query, as the database may be what fails.
#[derive(Template)]
#[template(path = "notes/unsaved.html")]
struct UnsavedPage {
    frame: Frame,
    sentence: &'static str,
    /// What the user can do now.
    advice: &'static str,
    draft: Draft,
}

/// Answers a text that was not saved because of `error`, with the text where that helps.
///
/// # Errors
/// The same error when it is about the text itself or about the user's rights.
pub fn unsaved(draft: Draft, error: Error, cookie: &Session) -> Result<HttpResponse, Error> {
    let status = error.status_code();
    if matches!(error, Error::LoginRequired) {
        return ask_to_log_in(cookie, draft);
    }
    let sentence = match &error {
        Error::LimitReached(limit) => limit.sentence(),
        Error::OtherTenant => {
            "You switched to another organization after you opened this form, so the note was not saved."
        }
        Error::Throttled { .. } => default_sentence(status),
        _ if !status.is_server_error() => return Err(error),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => "This could not be saved right now.",
        _ => default_sentence(status),
    };
    let advice = match error {
        Error::LimitReached(_) => "leave this page open, and try again when there is room.",
        Error::OtherTenant => "“Try again” saves it in the organization that is active now.",
        _ => "leave this page open, and try again in a moment.",
    };
    // For its headers, such as Retry-After, and for the line in the log.
    let refused = error.error_response();
    let mut response = page(status, &UnsavedPage { frame: Frame::bare(), sentence, advice, draft })?;
    for (name, value) in refused.headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(response)
}

fn ask_to_log_in(cookie: &Session, draft: Draft) -> Result<HttpResponse, Error> {
    let login = LoginFormPage { draft: Some(draft), ..LoginFormPage::empty(Frame::public(cookie, "")) };
    page(StatusCode::UNAUTHORIZED, &login)
}
