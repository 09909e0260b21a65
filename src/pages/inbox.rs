//! The inbox: notes that other members share with the user.

use actix_session::Session;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::{NoteCard, Timestamp};
use super::frame::{frame_of, page};
use super::search::SearchForm;
use crate::domain::Access;
use crate::store::{self, NoteState, ReceivedNote, SearchHit};
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
        Self::with_card(received, NoteCard::of(&received.note, NoteState::Active))
    }

    fn found(found: &SearchHit<ReceivedNote>) -> Self {
        Self::with_card(&found.item, NoteCard::found(&found.item.note, found))
    }

    fn with_card(received: &ReceivedNote, card: NoteCard) -> Self {
        Self {
            card,
            shared_by: received.shared_by_name.clone(),
            shared_at: Timestamp(received.received.at),
            unread: received.received.read_at.is_none(),
            may_edit: received.access == Access::Edit,
        }
    }
}

/// Lists the inbox, newest first, or the results of a search in it.
pub async fn index(
    visitor: Visitor,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let (search, words) = SearchForm::sent("/inbox", &query);
    let (user, notes, (newer, older), unread) = if let Some(words) = &words {
        let user = visitor.user().await?;
        let (found, unread) = user.tenant.search_inbox(user.id, words, query.cursor(), PAGE_SIZE).await?;
        let rows = found.notes.iter().map(InboxRow::found).collect();
        (user, rows, neighbours("/inbox", Some(words), &found), unread)
    } else {
        let reads = |viewer| store::inbox(viewer, query.cursor(), PAGE_SIZE);
        let (user, (inbox, unread)) = visitor.read(reads).await?;
        let rows = inbox.notes.iter().map(InboxRow::of).collect();
        (user, rows, neighbours("/inbox", None, &inbox), unread)
    };
    user.session.unread.set(unread);
    let status = search.status();
    page(status, &InboxPage { frame: frame_of(&user, &cookie, "inbox"), search, notes, newer, older })
}
