//! The console's face of an error: a page, JSON or a line of text, after what was asked for.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use serde_json::json;

use super::frame::Frame;
use super::view::Face;
use crate::cluster::ClusterError;
use crate::db::DbError;
use crate::web::Error;
use crate::web::error::{Fault, default_sentence};
use crate::web::request_info::RequestInfo;

#[derive(Template)]
#[template(path = "admin/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    sentence: &'a str,
    request_id: &'a str,
}

/// What an operator is told that no visitor would be: the reason in its own words.
#[derive(Clone, Debug)]
struct Reason(String);

/// Gives an error response its body.
pub(super) fn dress(response: HttpResponse<BoxBody>, request: &RequestInfo) -> HttpResponse<BoxBody> {
    let status = response.status();
    let typed = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| !value.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || typed {
        return response;
    }
    let reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
    let fault = response.extensions().get::<Fault>().map(|fault| fault.sentence.to_owned());
    let sentence = reason.or(fault).unwrap_or_else(|| default_sentence(status).to_owned());
    let (kind, body) = match Face::of(&request.path) {
        Face::Json => (
            "application/problem+json",
            json!({ "status": status.as_u16(), "detail": sentence, "request_id": request.request_id })
                .to_string(),
        ),
        Face::Text => ("text/plain; charset=utf-8", format!("{sentence}\n")),
        Face::Page => {
            let page = ErrorPage {
                frame: Frame::bare(),
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

/// Why a page of the console cannot be shown or an action was not done.
#[derive(Debug)]
pub enum Failure {
    /// As the application has it.
    Web(Error),
    /// The database does not answer, or something stands in the way of an action; the operator is told what.
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
                response.extensions_mut().insert(Reason(error.to_string()));
                response
            }
        }
    }
}
