//! The form with which pages search.

use actix_web::http::StatusCode;

use crate::domain::{Invalid, SEARCH_LIMIT, SearchWords};

/// The search form.
#[derive(Default)]
pub struct SearchForm {
    pub typed: String,
    /// Whether the bin is searched as well.
    pub bin: bool,
    /// Why the words cannot be searched for.
    pub message: Option<&'static str>,
}

impl SearchForm {
    /// The form as it was sent, with the words to search for; none when the field is empty or invalid.
    pub fn sent(typed: &str, bin: bool) -> (Self, Option<SearchWords>) {
        let (words, message) = match SearchWords::parse_optional(typed) {
            Ok(words) => (words, None),
            Err(Invalid(message)) => (None, Some(message)),
        };
        (Self { typed: typed.trim().to_owned(), bin, message }, words)
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
