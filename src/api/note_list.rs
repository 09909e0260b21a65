//! The list of the user's own notes.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::list_query::{cursor_of, limit_of, search_cursor_of, shorten, shorten_found, words_of};
use super::note_view::{NoteView, view};
use super::problem::Problem;
use crate::domain::{NoteRole, SearchQuery, SearchWords};
use crate::store::{self, Note, SearchPosition, SearchRequest, SearchScope};
use crate::web::paging::{encode, encode_found, with_words};
use crate::web::search::search;
use crate::web::{CurrentUser, Error, Visitor};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 100, 20 when not given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// From the `next` link of the page before.
    cursor: Option<String>,
    /// Only notes with all of these words, as in `/api/search`: hits in the title come first, then the latest
    /// changed.
    #[param(max_length = 200)]
    q: Option<String>,
}

/// List the notes of the token's user, newest first, or the results of a search in them, in its order; the
/// `Link` header leads to the next page (RFC 8288).
///
/// # Errors
/// 401 without a valid token, 422 for an invalid query.
#[utoipa::path(
    get,
    path = "/api/notes",
    operation_id = "notes_index",
    params(ListQuery),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<NoteView>, headers(("Link" = String, description = "rel=next"))),
        (status = 401, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn index(visitor: Visitor, query: web::Query<ListQuery>) -> Result<HttpResponse, Error> {
    let limit = limit_of(query.limit.as_deref())?;
    if let Some(words) = words_of(query.q.as_deref())? {
        let after = search_cursor_of(query.cursor.as_deref())?;
        return found(&visitor, &words, after, limit).await;
    }
    let cursor = cursor_of(query.cursor.as_deref())?;
    let (user, mut page) = visitor.read(|viewer| store::whole_notes(viewer, cursor, limit)).await?;
    shorten(&mut page);
    let next = page.older().map(|last| format!("/api/notes?limit={limit}&cursor={}", encode(last)));
    list(&user, next, page.notes.into_iter().map(|listed| listed.note).collect())
}

async fn found(
    visitor: &Visitor,
    words: &SearchWords,
    after: Option<SearchPosition>,
    limit: u16,
) -> Result<HttpResponse, Error> {
    let query = &SearchQuery::of(words);
    let request = SearchRequest { query, scope: SearchScope::Own, after, limit };
    let (user, mut page) = search(visitor, request).await?;
    shorten_found(&mut page);
    let next = page.older.map(|last| {
        with_words(&format!("/api/notes?limit={limit}&cursor={}", encode_found(last)), Some(words))
    });
    list(&user, next, page.hits.into_iter().map(|hit| hit.note).collect())
}

/// The answer with notes of the user, and the address of the next page.
fn list(user: &CurrentUser, next: Option<String>, notes: Vec<Note>) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    let tenant = user.tenant.tenant().number();
    let notes = notes.into_iter().map(|note| view(tenant, note, NoteRole::Author)).collect();
    Ok(response.content_type(header::ContentType::json()).body(json_of(notes)?))
}

/// The JSON of notes, in a buffer of the right size from the start, as this is the largest response of the
/// API.
fn json_of(notes: Vec<NoteView>) -> Result<Vec<u8>, Error> {
    let expected = notes.iter().map(|note| note.content.len() + note.content.len() / 16 + 512).sum();
    let mut json = Vec::with_capacity(expected);
    serde_json::to_writer(&mut json, &notes)
        .map_err(|error| Error::Internal("writing JSON", Box::new(error)))?;
    Ok(json)
}
