//! The inbox: notes that other members share with the token's user.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list_query::{cursor_of, flag_of, found_in_list, limit_of, ok_with_next, shorten, words_of};
use super::problem::Problem;
use crate::store::{self, ReceivedNote, SearchHit, SearchScope};
use crate::web::paging::encode;
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
    let only_unread = flag_of("unread", query.unread.as_deref())?;
    let place = format!("/api/inbox?limit={limit}&unread={only_unread}");
    if let Some(words) = words_of(query.q.as_deref())? {
        let (scope, part) = (SearchScope::Inbox { only_unread }, (query.cursor.as_deref(), limit));
        let (_, page, next) = found_in_list(&visitor, &words, (&place, scope), part).await?;
        let received = page.hits.into_iter().filter_map(|SearchHit { note, received, .. }| {
            let (access, received, shared_by_name) = received?;
            Some(ReceivedNote { note, access, received, shared_by_name })
        });
        return Ok(ok_with_next(next).json(received.map(view).collect::<Vec<_>>()));
    }
    let cursor = cursor_of(query.cursor.as_deref())?;
    let (_, mut page) = visitor.read(|viewer| store::whole_inbox(viewer, only_unread, cursor, limit)).await?;
    shorten(&mut page);
    let next = page.older().map(|last| format!("{place}&cursor={}", encode(last)));
    Ok(ok_with_next(next).json(page.notes.into_iter().map(view).collect::<Vec<_>>()))
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
