//! The body of an error on the console: a page, JSON or a line of text, by the ending of the path.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use log::Level;
use serde_json::json;

use super::frame::ConsoleFrame;
use super::view::Format;
use crate::cluster::ClusterError;
use crate::db::DbError;
use crate::log_context::keep_cause;
use crate::web::Error;
use crate::web::error::{PublicError, default_sentence};
use crate::web::request_info::RequestInfo;

#[derive(Template)]
#[template(path = "admin/error.html")]
struct ConsoleErrorPage<'a> {
    frame: ConsoleFrame,
    status: u16,
    sentence: &'a str,
    request_id: &'a str,
}

/// The cause of an error in its own words, which only operators may see.
#[derive(Clone, Debug)]
struct Reason(String);

/// Adds the body to an error response that has none.
pub(super) fn add_error_body(
    response: HttpResponse<BoxBody>,
    request: &RequestInfo,
) -> HttpResponse<BoxBody> {
    let status = response.status();
    let has_body = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| !value.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || has_body {
        return response;
    }
    let reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
    let public = response.extensions().get::<PublicError>().map(|error| error.sentence.to_owned());
    let sentence = reason.or(public).unwrap_or_else(|| default_sentence(status).to_owned());
    let (kind, body) = match Format::of(&request.path) {
        Format::Json => (
            "application/problem+json",
            json!({ "status": status.as_u16(), "detail": sentence, "request_id": request.request_id })
                .to_string(),
        ),
        Format::Text => ("text/plain; charset=utf-8", format!("{sentence}\n")),
        Format::Html => {
            let page = ConsoleErrorPage {
                frame: ConsoleFrame::bare(),
                status: status.as_u16(),
                sentence: &sentence,
                request_id: &request.request_id,
            };
            ("text/html; charset=utf-8", page.render().unwrap_or_else(|_| sentence.clone()))
        }
    };
    let mut response = response.set_body(BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Why a page of the console cannot be shown or an action failed.
#[derive(Debug)]
pub enum Failure {
    Web(Error),
    /// A node does not answer, or the action is not possible; the response says why.
    Cluster(ClusterError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Web(error)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Web(error.into())
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Web(error.into())
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(error) => error.fmt(f),
            Self::Cluster(error) => error.fmt(f),
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Web(error) => error.status_code(),
            Self::Cluster(ClusterError::Obstacle(_) | ClusterError::Refused { .. }) => StatusCode::CONFLICT,
            Self::Cluster(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Web(error) => error.error_response(),
            Self::Cluster(error) => {
                let mut response = HttpResponse::new(self.status_code());
                if response.status().is_server_error() {
                    keep_cause(Level::Warn, error.to_string().escape_debug().to_string());
                }
                response.extensions_mut().insert(Reason(error.to_string()));
                response
            }
        }
    }
}
