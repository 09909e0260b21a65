//! The form that looks for words in a list, and what it was given.

use actix_web::http::StatusCode;

use crate::domain::{Invalid, SEARCH_LIMIT, SearchWords};
use crate::web::paging::PageQuery;

/// The form over a list.
pub struct SearchForm {
    /// The list that is searched.
    pub path: &'static str,
    /// What is typed in it.
    pub typed: String,
    /// What is wrong with that.
    pub message: Option<&'static str>,
    /// Whether the list is of what was found.
    pub searched: bool,
}

impl SearchForm {
    /// An empty form.
    pub fn empty(path: &'static str) -> Self {
        Self { path, typed: String::new(), message: None, searched: false }
    }

    /// The form as it was sent, with the words to look for; none when it was empty or cannot be accepted.
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

    /// The most characters that it takes.
    pub fn limit(&self) -> usize {
        SEARCH_LIMIT
    }

    /// How the page with this form is answered.
    pub fn status(&self) -> StatusCode {
        if self.message.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
