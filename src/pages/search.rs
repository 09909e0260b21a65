//! Search in all notes that the user may read.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::format::{Timestamp, heading};
use super::fragment::is_fragment_wanted;
use super::frame::{frame_of, page};
use super::search_form::SearchForm;
use crate::domain::{Access, HighlightedText, SearchQuery, SearchWords};
use crate::services::search::{SearchResult, with_excerpts};
use crate::store::{SearchRequest, SearchScope, SearchTotal};
use crate::web::paging::{PAGE_SIZE, decode_found, encode_found, with_words};
use crate::web::search::search;
use crate::web::{CurrentUser, Error, Frame, Visitor, see_other};

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct SearchPageQuery {
    #[serde(default)]
    q: String,
    bin: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "search/index.html")]
struct SearchResultsPage {
    frame: Frame,
    form: SearchForm,
    results: Option<ResultList>,
}

#[derive(Template)]
#[template(path = "search/_results.html")]
struct ResultsFragment {
    form: SearchForm,
    results: Option<ResultList>,
}

/// The results of a search.
struct ResultList {
    rows: Vec<ResultRow>,
    /// Such as "4 notes"; none behind the first page.
    total: Option<String>,
    more: Option<String>,
}

struct ResultRow {
    id: i64,
    title: HighlightedText,
    excerpt: HighlightedText,
    updated_at: Timestamp,
    is_in_bin: bool,
    /// Who shared it.
    shared_by: Option<String>,
    may_edit: bool,
}

impl ResultRow {
    fn of(query: &SearchQuery, result: SearchResult) -> Self {
        let SearchResult { hit, excerpt } = result;
        let (shared_by, may_edit) = match hit.received {
            Some((access, _, name)) => (Some(name), access == Access::Edit),
            None => (None, false),
        };
        Self {
            id: hit.note.id.number(),
            title: HighlightedText::of(query, &heading(&hit.note)),
            excerpt,
            updated_at: Timestamp(hit.note.updated_at),
            is_in_bin: hit.is_in_bin,
            shared_by,
            may_edit,
        }
    }
}

/// Shows what a search finds; for a script that asks for a fragment, the results alone.
pub async fn index(
    request: HttpRequest,
    visitor: Visitor,
    query: web::Query<SearchPageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let (form, words) = SearchForm::sent(&query.q, query.bin.as_deref() == Some("on"));
    let (user, results) = match &words {
        None => (visitor.user().await?, None),
        Some(words) => {
            let (user, results) = found(&visitor, words, &form, query.after.as_deref()).await?;
            (user, Some(results))
        }
    };
    let status = form.status();
    if is_fragment_wanted(&request) {
        return page(status, &ResultsFragment { form, results });
    }
    page(status, &SearchResultsPage { frame: frame_of(&user, &cookie, "search"), form, results })
}

async fn found(
    visitor: &Visitor,
    words: &SearchWords,
    form: &SearchForm,
    after: Option<&str>,
) -> Result<(CurrentUser, ResultList), Error> {
    let query = SearchQuery::of(words);
    let scope = SearchScope::Everything { bin: form.bin };
    // A position that cannot be read is the start, as in other lists.
    let after = after.and_then(decode_found);
    let request = SearchRequest { query: &query, scope, after, limit: PAGE_SIZE };
    let (user, page) = search(visitor, request).await?;
    let bin = if form.bin { "bin=on&" } else { "" };
    let more =
        page.older.map(|last| with_words(&format!("/search?{bin}after={}", encode_found(last)), words));
    let total = after.is_none().then(|| total_in_words(page.total));
    let results = with_excerpts(&user.tenant, &query, page.hits).await?;
    let rows = results.into_iter().map(|result| ResultRow::of(&query, result)).collect();
    Ok((user, ResultList { rows, total, more }))
}

fn total_in_words(total: SearchTotal) -> String {
    match (total.notes, total.is_exact) {
        (1, true) => "1 note".to_owned(),
        (notes, true) => format!("{notes} notes"),
        (notes, false) => format!("More than {} notes", (notes - 1) / 10 * 10),
    }
}

/// Leads an address of a list with words to the search.
pub fn forward(typed: &str) -> HttpResponse {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", typed).finish();
    see_other(&format!("/search?{query}"))
}
