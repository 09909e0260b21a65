//! The inbox of a user: the notes that others shared with the user, except those in their author's bin.

use std::sync::atomic::{AtomicI64, Ordering};

use super::note_access::Received;
use super::notes::Note;
use super::page::{Cursor, Page, PageRequest, Position, Positioned};
use crate::db::{DbError, FromRow, RowReader, Statement, Step, Steps, TenantHandle, Viewer, values};
use crate::domain::{Access, NoteId, UserId};

/// A page of an inbox: one statement for each direction and for the start, as for the notes of an author.
macro_rules! page {
    ($text:tt, $which:literal, $bound:literal, $order:literal) => {
        Statement::reading(concat!(
            "SELECT ",
            $crate::store::notes::note_columns!($text, "i.created_at", "i.note_id", $order),
            ", ",
            $crate::store::note_access::received_columns!(),
            ", u.username",
            " FROM {shared_notes} i
             JOIN {notes} n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL
             JOIN {shared.users} u ON u.tenant_id = i.tenant_id AND u.id = i.shared_by
             WHERE i.tenant_id = $1 AND i.recipient_id = $2",
            $which,
            $bound,
            " ORDER BY i.created_at ",
            $order,
            ", i.note_id ",
            $order,
            " LIMIT $3"
        ))
    };
}

static LATEST: Statement = page!(beginning, "", "", "DESC");
static OLDER: Statement = page!(beginning, "", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");
static NEWER: Statement = page!(beginning, "", " AND (i.created_at, i.note_id) > ($4, $5)", "ASC");
static WHOLE_LATEST: Statement = page!(whole, "", "", "DESC");
static WHOLE_OLDER: Statement = page!(whole, "", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");
static WHOLE_UNREAD_LATEST: Statement = page!(whole, " AND i.read_at IS NULL", "", "DESC");
static WHOLE_UNREAD_OLDER: Statement =
    page!(whole, " AND i.read_at IS NULL", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");

// Counting stops at a hundred, which pages show as "99+", so that a user with many unread notes costs no more
// than others.
static UNREAD: Statement = Statement::reading(
    "SELECT count(*) FROM (
         SELECT i.note_id FROM {shared_notes} i
         JOIN {notes} n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL
         WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND i.read_at IS NULL LIMIT 100) unread",
);
static MARK_READ: Statement = Statement::writing(
    "UPDATE {shared_notes} SET read_at = now() WHERE tenant_id = $1 AND recipient_id = $2 AND note_id = $3 \
     AND read_at IS NULL",
);
static MARK_ALL_READ: Statement = Statement::writing(
    "UPDATE {shared_notes} SET read_at = now()
     WHERE tenant_id = $1 AND recipient_id = $2 AND read_at IS NULL",
);
static NAME: Statement =
    Statement::reading("SELECT username FROM {shared.users} WHERE tenant_id = $1 AND id = $2");

pub(super) static ALL: &[&Statement] = &[
    &LATEST,
    &OLDER,
    &NEWER,
    &WHOLE_LATEST,
    &WHOLE_OLDER,
    &WHOLE_UNREAD_LATEST,
    &WHOLE_UNREAD_OLDER,
    &UNREAD,
    &MARK_READ,
    &MARK_ALL_READ,
    &NAME,
];

/// The number of unread notes in a user's inbox when it was last counted. It is cached with the session; a
/// request that counts them updates it.
#[derive(Debug, Default)]
pub struct CachedUnreadCount(AtomicI64);

impl CachedUnreadCount {
    /// The count; 100 means 100 or more.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the cached count.
    pub fn set(&self, count: i64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// A note in an inbox.
#[derive(Clone, Debug)]
pub struct ReceivedNote {
    pub note: Note,
    pub access: Access,
    pub received: Received,
    pub shared_by_name: String,
}

impl FromRow for ReceivedNote {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { note: row.read(), access: row.read(), received: row.read(), shared_by_name: row.read() }
    }
}

impl Positioned for ReceivedNote {
    fn position(&self) -> Position {
        (self.received.at, self.note.id)
    }

    fn text(&self) -> &str {
        self.note.content.as_str()
    }
}

/// The latest notes of an inbox.
pub(super) fn latest<'a>(recipient: Viewer, limit: u16) -> Step<'a, Vec<ReceivedNote>> {
    LATEST.all(values![recipient, i64::from(limit)])
}

/// How many notes of an inbox are unread.
pub(super) fn unread(recipient: impl Into<Viewer>) -> impl Steps<Output = i64> {
    UNREAD.first(values![recipient.into()]).map(Option::unwrap_or_default)
}

/// Up to `limit` notes of an inbox from `cursor` on, each with the beginning of its text, and the number of
/// unread notes.
pub(crate) fn inbox(
    recipient: Viewer,
    cursor: Cursor,
    limit: u16,
) -> impl Steps<Output = (Page<ReceivedNote>, i64)> {
    let statement = match cursor {
        Cursor::Start => &LATEST,
        Cursor::OlderThan(..) => &OLDER,
        Cursor::NewerThan(..) => &NEWER,
    };
    (PageRequest { cursor, limit }.steps(statement, recipient), unread(recipient))
}

/// Up to `limit` notes of an inbox that were delivered before `before`, or the latest, each with its whole
/// text.
pub(crate) fn whole_inbox(
    recipient: Viewer,
    unread: bool,
    before: Option<Position>,
    limit: u16,
) -> impl Steps<Output = Page<ReceivedNote>> {
    let statement = match (unread, before) {
        (false, None) => &WHOLE_LATEST,
        (false, Some(_)) => &WHOLE_OLDER,
        (true, None) => &WHOLE_UNREAD_LATEST,
        (true, Some(_)) => &WHOLE_UNREAD_OLDER,
    };
    PageRequest { cursor: Cursor::before(before), limit }.steps(statement, recipient)
}

impl TenantHandle {
    /// Marks a note as read that `user` received and opens now. Gives the name of the user who shared it, and
    /// the number of notes that are still unread.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn open_received(
        &self,
        user: UserId,
        note: NoteId,
        received: &Received,
    ) -> Result<(String, i64), DbError> {
        let is_first = received.read_at.is_none();
        let (_, name, unread) = self
            .transaction((
                is_first.then(|| MARK_READ.run(values![user, note])),
                NAME.first(values![received.shared_by]),
                unread(user),
            ))
            .await?;
        Ok((name.unwrap_or_default(), unread))
    }

    /// Marks every note in the inbox as read, and gives the number of notes that arrived meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn mark_all_read(&self, user: UserId) -> Result<i64, DbError> {
        let ((), unread) = self.transaction((MARK_ALL_READ.run(values![user]), unread(user))).await?;
        Ok(unread)
    }
}
