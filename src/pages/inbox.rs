//! The inbox: notes that other members share with the user.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::{NoteCard, Timestamp};
use super::frame::{frame_of, page};
use super::search::forward;
use super::search_form::SearchForm;
use crate::domain::Access;
use crate::store::{self, ReceivedNote};
use crate::web::paging::{PAGE_SIZE, PageQuery, neighbours};
use crate::web::{Error, Frame, Visitor};

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    frame: Frame,
    search: SearchForm,
    notes: Vec<InboxRow>,
    newer: Option<String>,
    older: Option<String>,
}

/// A note in the list of the inbox.
pub struct InboxRow {
    pub card: NoteCard,
    pub shared_by: String,
    pub shared_at: Timestamp,
    pub unread: bool,
    pub may_edit: bool,
}

impl InboxRow {
    /// The row of a received note.
    pub fn of(received: &ReceivedNote) -> Self {
        Self {
            card: NoteCard::of(&received.note),
            shared_by: received.shared_by_name.clone(),
            shared_at: Timestamp(received.received.at),
            unread: received.received.read_at.is_none(),
            may_edit: received.access == Access::Edit,
        }
    }
}

/// Lists the inbox, newest first. An address with words leads to the search.
pub async fn index(
    visitor: Visitor,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !query.typed().trim().is_empty() {
        visitor.user().await?;
        return Ok(forward(query.typed()));
    }
    let (user, (inbox, unread)) =
        visitor.read(|viewer| store::inbox(viewer, query.cursor(), PAGE_SIZE)).await?;
    user.session.unread.set(unread);
    let (newer, older) = neighbours("/inbox", &inbox);
    let notes = inbox.notes.iter().map(InboxRow::of).collect();
    let frame = frame_of(&user, &cookie, "inbox");
    page(StatusCode::OK, &InboxPage { frame, search: SearchForm::default(), notes, newer, older })
}
