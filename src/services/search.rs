//! The results of a search as pages and API show them.

use crate::db::{DbError, TenantHandle};
use crate::domain::{HighlightedText, SearchQuery};
use crate::markdown;
use crate::store::SearchHit;

/// The most bytes of texts whose excerpts are made without a turn of the tenant.
const QUICK: usize = 64 * 1024;

/// A first line of more bytes is shown in part as a title, so it is shown as text as well.
const LONGEST_HEADING: usize = 80;

/// A note that a search found, with the part of its text that is shown.
pub struct SearchResult {
    pub hit: SearchHit,
    pub excerpt: HighlightedText,
}

/// Adds the excerpts to what a search found, long texts in the tenant's turn.
///
/// # Errors
/// [`DbError::Overloaded`] when the turn does not come in time.
pub async fn with_excerpts(
    tenant: &TenantHandle,
    query: &SearchQuery,
    hits: Vec<SearchHit>,
) -> Result<Vec<SearchResult>, DbError> {
    let bytes: usize = hits.iter().map(|hit| hit.note.content.as_str().len()).sum();
    if bytes <= QUICK {
        return Ok(results(query, hits));
    }
    let query = query.clone();
    tenant.compute(move || results(&query, hits)).await
}

/// The text without the first line, if that line stands for the title.
fn shown_text(hit: &SearchHit) -> &str {
    let text = hit.note.content.as_str().trim_start();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if hit.note.title.is_some() || first.len() > LONGEST_HEADING { text } else { rest }
}

fn results(query: &SearchQuery, hits: Vec<SearchHit>) -> Vec<SearchResult> {
    let result = |hit: SearchHit| SearchResult { excerpt: markdown::excerpt(query, shown_text(&hit)), hit };
    hits.into_iter().map(result).collect()
}
