//! The search form above a list.

use actix_web::http::StatusCode;

use crate::domain::{Invalid, SEARCH_LIMIT, SearchWords};
use crate::web::paging::PageQuery;

/// The search form.
pub struct SearchForm {
    /// The path of the list.
    pub path: &'static str,
    pub typed: String,
    /// Why the words cannot be searched for.
    pub message: Option<&'static str>,
    /// Whether the list shows search results.
    pub searched: bool,
}

impl SearchForm {
    /// An empty form.
    pub fn empty(path: &'static str) -> Self {
        Self { path, typed: String::new(), message: None, searched: false }
    }

    /// The form as it was sent, with the words to search for; none when the field is empty or invalid.
    pub fn sent(path: &'static str, query: &PageQuery) -> (Self, Option<SearchWords>) {
        let (words, message) = match SearchWords::parse_optional(query.typed()) {
            Ok(words) => (words, None),
            Err(Invalid(message)) => (None, Some(message)),
        };
        let form = Self {
            typed: query.typed().trim().to_owned(),
            message,
            searched: words.is_some(),
            ..Self::empty(path)
        };
        (form, words)
    }

    /// The longest text that the field accepts, in characters.
    pub fn limit(&self) -> usize {
        SEARCH_LIMIT
    }

    /// The status of the page with this form.
    pub fn status(&self) -> StatusCode {
        if self.message.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
