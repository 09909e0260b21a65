//! The list of the user's own notes.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::list_query::{cursor_of, found_in_list, limit_of, ok_with_next, shorten, words_of};
use super::note_view::{NoteView, view};
use super::problem::Problem;
use crate::domain::NoteRole;
use crate::store::{self, Note, SearchScope};
use crate::web::paging::encode;
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
    let place = format!("/api/notes?limit={limit}");
    if let Some(words) = words_of(query.q.as_deref())? {
        let part = (query.cursor.as_deref(), limit);
        let (user, page, next) = found_in_list(&visitor, &words, (&place, SearchScope::Own), part).await?;
        return list(&user, next, page.hits.into_iter().map(|hit| hit.note));
    }
    let cursor = cursor_of(query.cursor.as_deref())?;
    let (user, mut page) = visitor.read(|viewer| store::whole_notes(viewer, cursor, limit)).await?;
    shorten(&mut page);
    let next = page.older().map(|last| format!("{place}&cursor={}", encode(last)));
    list(&user, next, page.notes.into_iter().map(|listed| listed.note))
}

/// The answer with notes of the user, and the address of the next page.
fn list(
    user: &CurrentUser,
    next: Option<String>,
    notes: impl Iterator<Item = Note>,
) -> Result<HttpResponse, Error> {
    let tenant = user.tenant.tenant().number();
    let notes = notes.map(|note| view(tenant, note, NoteRole::Author)).collect();
    Ok(ok_with_next(next).content_type(header::ContentType::json()).body(json_of(notes)?))
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
