//! The three formats of a page: HTML for browsers, JSON for programs, text for a terminal, with the same
//! numbers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;
use serde::Serialize;

use crate::monitor::Table;
use crate::web::Error;

/// The numbers of a page. Serialized, they are its JSON.
pub trait View: Serialize {
    /// The same numbers as tables, for HTML and text.
    fn tables(&self) -> Vec<Table>;
}

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Html,
    Json,
    Text,
}

impl Format {
    /// The format of a path, by its ending: `.json`, `.txt` or neither.
    pub fn of(path: &str) -> Self {
        match path.rsplit_once('.') {
            Some((_, "json")) => Self::Json,
            Some((_, "txt")) => Self::Text,
            _ => Self::Html,
        }
    }

    /// The response with `view` in this format; `page` makes the HTML page of its tables.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be rendered.
    pub fn show<V: View, T: Template>(
        self,
        view: &V,
        page: impl FnOnce(Vec<Table>) -> T,
    ) -> Result<HttpResponse, Error> {
        let (kind, body) = match self {
            Self::Html => ("text/html; charset=utf-8", page(view.tables()).render()?),
            Self::Json => {
                let body = serde_json::to_string_pretty(view)
                    .map_err(|error| Error::Internal("writing JSON", error.into()))?;
                ("application/json", body)
            }
            Self::Text => {
                let tables: Vec<String> = view.tables().iter().map(Table::text).collect();
                ("text/plain; charset=utf-8", tables.join("\n"))
            }
        };
        Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, kind)).body(body))
    }
}

impl FromRequest for Format {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.path())))
    }
}
