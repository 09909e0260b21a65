//! An error that comes back in the form that was sent, with the typed text.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use super::error::{Error, whole_seconds};
use crate::domain::Limit;

/// An error that a form shows: one that goes away with time, or a limit that is reached.
#[derive(Clone, Copy, Debug)]
pub struct FormError {
    pub status: StatusCode,
    /// For a client or an account that has used up its attempts.
    retry_after: Option<Duration>,
    limit: Option<Limit>,
}

impl FormError {
    /// The message about the form: `busy` when the server or the database is overloaded.
    pub fn message(&self, busy: &str) -> String {
        if let Some(limit) = self.limit {
            return limit.sentence().to_owned();
        }
        match self.retry_after.map(whole_seconds) {
            None => busy.to_owned(),
            Some(1) => "Too many attempts. Try again in a second.".to_owned(),
            Some(seconds @ ..=120) => format!("Too many attempts. Try again in {seconds} seconds."),
            Some(seconds) => format!("Too many attempts. Try again in {} minutes.", seconds.div_ceil(60)),
        }
    }

    /// Says in the page's header when the form may be sent again.
    pub fn mark(&self, mut response: HttpResponse) -> HttpResponse {
        if let Some(retry_after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
        }
        response
    }
}

impl Error {
    /// The error as a form shows it that comes back with the typed text, to be sent again. Logs the cause, as
    /// the form does not.
    ///
    /// # Errors
    /// The error itself, when it neither goes away with time nor is a limit.
    pub fn for_form(self) -> Result<FormError, Self> {
        let (retry_after, limit) = match self {
            Self::Throttled { retry_after } => (Some(retry_after), None),
            Self::LimitReached(limit) => (None, Some(limit)),
            _ if self.status_code() == StatusCode::SERVICE_UNAVAILABLE => (None, None),
            _ => return Err(self),
        };
        self.log();
        Ok(FormError { status: self.status_code(), retry_after, limit })
    }
}
