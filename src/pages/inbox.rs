//! The inbox: notes that others shared.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::frame::{frame_of, page};
use super::show::{Moment, NoteCard};
use crate::auth::CurrentUser;
use crate::domain::Access;
use crate::store::{Bin, ReceivedNote};
use crate::web::cookie::flash;
use crate::web::paging::{PAGE_SIZE, PageQuery, neighbours};
use crate::web::{Error, Frame, see_other};

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    frame: Frame,
    notes: Vec<InboxRow>,
    newer: Option<String>,
    older: Option<String>,
}

/// A note in the inbox.
pub struct InboxRow {
    /// The note.
    pub card: NoteCard,
    /// Who shared it.
    pub shared_by: String,
    /// When it came.
    pub shared_at: Moment,
    /// Whether it was never opened.
    pub unread: bool,
    /// Whether its text may be changed.
    pub may_edit: bool,
}

impl InboxRow {
    /// The row of a note.
    pub fn of(received: &ReceivedNote) -> Self {
        Self {
            card: NoteCard::of(&received.note, Bin::Out),
            shared_by: received.shared_by_name.clone(),
            shared_at: Moment(received.received.at),
            unread: received.received.read_at.is_none(),
            may_edit: received.access == Access::Edit,
        }
    }
}

/// What came, newest first.
pub async fn index(user: CurrentUser, query: web::Query<PageQuery>, cookie: Session) -> Result<HttpResponse, Error> {
    let (inbox, unread) = user.tenant.inbox(user.id, query.cursor(), PAGE_SIZE).await?;
    user.session.unread.set(unread);
    let (newer, older) = neighbours("/inbox", &inbox);
    let shown = InboxPage { frame: frame_of(&user, &cookie, "inbox"), notes: inbox.notes.iter().map(InboxRow::of).collect(), newer, older };
    page(StatusCode::OK, &shown)
}

/// Marks everything as read.
pub async fn read(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    user.session.unread.set(user.tenant.mark_all_read(user.id).await?);
    flash(&cookie, "success", "Everything in the inbox is marked as read.");
    Ok(see_other("/inbox"))
}
