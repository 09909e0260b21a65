//! The inbox: notes that other members share with the token's user.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list_query::{cursor_of, flag_of, limit_of, search_cursor_of, shorten, shorten_found, words_of};
use super::problem::Problem;
use crate::domain::{SearchQuery, SearchWords};
use crate::store::{self, ReceivedNote, SearchHit, SearchPosition, SearchRequest, SearchScope};
use crate::web::paging::{encode, encode_found, with_words};
use crate::web::search::search;
use crate::web::{Error, Visitor};

/// A note in the inbox.
#[derive(Serialize, ToSchema)]
pub struct ReceivedView {
    note_id: i64,
    title: Option<String>,
    content: String,
    version: i32,
    updated_at: DateTime<Utc>,
    /// `read` or `edit`.
    access: &'static str,
    /// The id of the member who shared it.
    shared_by: i64,
    /// The name of the member who shared it.
    shared_by_name: String,
    shared_at: DateTime<Utc>,
    /// When the user first opened it; none for an unread note.
    read_at: Option<DateTime<Utc>>,
}

/// The query of the inbox.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// 1 to 100, 20 when not given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// From the `next` link of the page before.
    cursor: Option<String>,
    /// `true` for unread ones only.
    #[param(value_type = Option<bool>)]
    unread: Option<String>,
    /// Only notes with all of these words, as in the list of notes.
    #[param(max_length = 200)]
    q: Option<String>,
}

/// List the inbox, newest first, or the results of a search in it, in its order; the `Link` header leads to
/// the next page (RFC 8288). Listing marks no note as read.
///
/// # Errors
/// 401 without a valid token, 422 for an invalid query.
#[utoipa::path(
    get,
    path = "/api/inbox",
    operation_id = "inbox_index",
    params(InboxQuery),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<ReceivedView>, headers(("Link" = String, description = "rel=next"))),
        (status = 401, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn index(visitor: Visitor, query: web::Query<InboxQuery>) -> Result<HttpResponse, Error> {
    let limit = limit_of(query.limit.as_deref())?;
    let unread = flag_of("unread", query.unread.as_deref())?;
    if let Some(words) = words_of(query.q.as_deref())? {
        let after = search_cursor_of(query.cursor.as_deref())?;
        return found(&visitor, &words, unread, (after, limit)).await;
    }
    let cursor = cursor_of(query.cursor.as_deref())?;
    let (_, mut page) = visitor.read(|viewer| store::whole_inbox(viewer, unread, cursor, limit)).await?;
    shorten(&mut page);
    let next =
        page.older().map(|last| format!("/api/inbox?limit={limit}&unread={unread}&cursor={}", encode(last)));
    Ok(list(next, page.notes.into_iter()))
}

async fn found(
    visitor: &Visitor,
    words: &SearchWords,
    only_unread: bool,
    (after, limit): (Option<SearchPosition>, u16),
) -> Result<HttpResponse, Error> {
    let query = &SearchQuery::of(words);
    let request = SearchRequest { query, scope: SearchScope::Inbox { only_unread }, after, limit };
    let (_, mut page) = search(visitor, request).await?;
    shorten_found(&mut page);
    let next = page.older.map(|last| {
        let place = format!("/api/inbox?limit={limit}&unread={only_unread}&cursor={}", encode_found(last));
        with_words(&place, Some(words))
    });
    let received = page.hits.into_iter().filter_map(|SearchHit { note, received, .. }| {
        let (access, received, shared_by_name) = received?;
        Some(ReceivedNote { note, access, received, shared_by_name })
    });
    Ok(list(next, received))
}

fn list(next: Option<String>, notes: impl Iterator<Item = ReceivedNote>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(notes.map(view).collect::<Vec<_>>())
}

fn view(received: ReceivedNote) -> ReceivedView {
    ReceivedView {
        note_id: received.note.id.number(),
        title: received.note.title.map(|title| title.as_str().to_owned()),
        content: received.note.content.into_string(),
        version: received.note.version,
        updated_at: received.note.updated_at,
        access: received.access.as_str(),
        shared_by: received.received.shared_by.number(),
        shared_by_name: received.shared_by_name,
        shared_at: received.received.at,
        read_at: received.received.read_at,
    }
}
