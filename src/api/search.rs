//! Search in all notes that the token's user may read.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list_query::{flag_of, limit_of, next_found, ok_with_next, search_cursor_of, words_of};
use super::problem::Problem;
use crate::domain::{HighlightedText, SearchQuery};
use crate::services::search::{SearchResult, with_excerpts};
use crate::store::{SearchRequest, SearchScope};
use crate::web::search::search;
use crate::web::{Error, FieldErrors, Visitor};

/// What a search found.
#[derive(Serialize, ToSchema)]
pub struct SearchView {
    /// How many notes match. Counted on the first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    /// Whether `total` is all of them: of a very frequent word at least this many match.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_exact: Option<bool>,
    notes: Vec<FoundView>,
}

/// A note that a search found.
#[derive(Serialize, ToSchema)]
pub struct FoundView {
    note_id: i64,
    user_id: i64,
    title: Option<String>,
    /// The words around the first hit, without markup.
    excerpt: Vec<ExcerptPart>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// `read` or `edit`, for a note that another member shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'static str>,
    /// Whether it is in the user's bin.
    in_bin: bool,
}

/// A part of an excerpt.
#[derive(Serialize, ToSchema)]
pub struct ExcerptPart {
    text: String,
    /// Whether the search found it.
    hit: bool,
}

/// The query of a search.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchParameters {
    /// The words, up to 200 characters. A note must have all of them; a word of three letters or more is
    /// found within words, a shorter one at their beginning. Case and accents do not matter. `"words in
    /// quotes"` match a phrase, `-word` excludes notes, and `or` between words matches either.
    #[param(max_length = 200)]
    q: Option<String>,
    /// `true` to look in the bin as well.
    #[param(value_type = Option<bool>)]
    bin: Option<String>,
    /// 1 to 100, 20 when not given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// From the `next` link of the page before.
    cursor: Option<String>,
}

/// Find notes that the user wrote or that other members shared with the user: hits in the title first, then
/// the latest changed. The `Link` header leads to the next page (RFC 8288).
///
/// # Errors
/// 401 without a valid token, 422 without words and for an invalid query.
#[utoipa::path(
    get,
    path = "/api/search",
    operation_id = "search_index",
    params(SearchParameters),
    security(("bearer" = [])),
    responses(
        (status = 200, body = SearchView, headers(("Link" = String, description = "rel=next"))),
        (status = 401, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn index(visitor: Visitor, query: web::Query<SearchParameters>) -> Result<HttpResponse, Error> {
    let limit = limit_of(query.limit.as_deref())?;
    let bin = flag_of("bin", query.bin.as_deref())?;
    let Some(words) = words_of(query.q.as_deref())? else {
        return Err(Error::Invalid(FieldErrors::one("q", "Say what to search for.")));
    };
    let after = search_cursor_of(query.cursor.as_deref())?;
    let parsed = SearchQuery::of(&words);
    let request = SearchRequest { query: &parsed, scope: SearchScope::Everything { bin }, after, limit };
    let (user, page) = search(&visitor, request).await?;
    let next = next_found(&format!("/api/search?limit={limit}&bin={bin}"), page.older, &words);
    let total = after.is_none().then_some(page.total);
    let results = with_excerpts(&user.tenant, &parsed, page.hits).await?;
    Ok(ok_with_next(next).json(SearchView {
        total: total.map(|total| total.notes),
        total_is_exact: total.map(|total| total.is_exact),
        notes: results.into_iter().map(view).collect(),
    }))
}

fn view(result: SearchResult) -> FoundView {
    let SearchResult { hit, excerpt: HighlightedText { parts } } = result;
    FoundView {
        note_id: hit.note.id.number(),
        user_id: hit.note.author.number(),
        title: hit.note.title.map(|title| title.as_str().to_owned()),
        excerpt: parts.into_iter().map(|part| ExcerptPart { text: part.text, hit: part.hit }).collect(),
        version: hit.note.version,
        created_at: hit.note.created_at,
        updated_at: hit.note.updated_at,
        access: hit.received.map(|(access, ..)| access.as_str()),
        in_bin: hit.is_in_bin,
    }
}
