//! The inbox: notes that others shared with somebody. What lies in the bin of its author is not in it.

use std::sync::atomic::{AtomicI64, Ordering};

use super::note_access::Received;
use super::notes::Note;
use super::page::{Cursor, Page, Placed, Position, Wanted};
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{Access, NoteId, UserId};

// One statement for each direction and start, as for the notes of an author.
macro_rules! page {
    ($text:literal, $which:literal, $bound:literal, $order:literal) => {
        page!($text, "", $which, $bound, $order)
    };
    ($text:literal, $more:expr, $which:literal, $bound:expr, $order:literal) => {
        Statement::new(concat!(
            "SELECT n.id, n.user_id, n.title, ",
            $text,
            ", n.version, n.created_at, n.updated_at, i.access, i.shared_by, i.created_at, i.read_at, \
             u.username",
            $more,
            " FROM shared_notes i
             JOIN notes n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL
             JOIN shared.users u ON u.tenant_id = i.tenant_id AND u.id = i.shared_by
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
pub(super) use page;

pub(super) const LATEST: Statement = page!("left(n.content, 480)", "", "", "DESC");
const OLDER: Statement =
    page!("left(n.content, 480)", "", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");
const NEWER: Statement =
    page!("left(n.content, 480)", "", " AND (i.created_at, i.note_id) > ($4, $5)", "ASC");
const WHOLE_LATEST: Statement = page!("n.content", "", "", "DESC");
const WHOLE_OLDER: Statement = page!("n.content", "", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");
const WHOLE_UNREAD_LATEST: Statement = page!("n.content", " AND i.read_at IS NULL", "", "DESC");
const WHOLE_UNREAD_OLDER: Statement =
    page!("n.content", " AND i.read_at IS NULL", " AND (i.created_at, i.note_id) < ($4, $5)", "DESC");

// Counting stops at a hundred: more is shown as "99+", and whoever never opens anything costs no more than
// others.
pub(super) const UNREAD: Statement = Statement::new(
    "SELECT count(*) FROM (
         SELECT i.note_id FROM shared_notes i
         JOIN notes n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL
         WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND i.read_at IS NULL LIMIT 100) unread",
);
/// The same for the user of a session, in the round trip that looks the session up.
pub(super) const UNREAD_OF_SESSION: Statement = Statement::new(
    "SELECT count(*) FROM (
         SELECT i.note_id FROM sessions s
         JOIN shared_notes i ON i.tenant_id = s.tenant_id AND i.recipient_id = s.user_id AND i.read_at IS NULL
         JOIN notes n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL
         WHERE s.tenant_id = $1 AND s.token_hash = $2 LIMIT 100) unread",
);
const MARK_READ: Statement = Statement::new(
    "UPDATE shared_notes SET read_at = now() WHERE tenant_id = $1 AND recipient_id = $2 AND note_id = $3 \
     AND read_at IS NULL",
);
const MARK_ALL_READ: Statement = Statement::new(
    "UPDATE shared_notes SET read_at = now() WHERE tenant_id = $1 AND recipient_id = $2 AND read_at IS NULL",
);
const NAME: Statement = Statement::new("SELECT username FROM shared.users WHERE tenant_id = $1 AND id = $2");

pub(super) const ALL: &[&Statement] = &[
    &LATEST,
    &OLDER,
    &NEWER,
    &WHOLE_LATEST,
    &WHOLE_OLDER,
    &WHOLE_UNREAD_LATEST,
    &WHOLE_UNREAD_OLDER,
    &UNREAD,
    &UNREAD_OF_SESSION,
    &MARK_READ,
    &MARK_ALL_READ,
    &NAME,
];

/// How many notes in somebody's inbox are unread, as far as it was counted last. It is remembered with the
/// session, so it may be as old as that look-up; whoever counts anew tells it.
#[derive(Debug, Default)]
pub struct Unread(AtomicI64);

impl Unread {
    pub(super) fn new(count: i64) -> Self {
        Self(AtomicI64::new(count))
    }

    /// The count; 100 stands for more.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes a newer count.
    pub fn set(&self, count: i64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

pub(super) fn unread_in(rows: Option<&Vec<Row>>) -> i64 {
    rows.and_then(|rows| rows.first()).map_or(0, |row| row.get(0))
}

/// A note in an inbox.
#[derive(Clone, Debug)]
pub struct ReceivedNote {
    /// The note.
    pub note: Note,
    /// What its recipient may do.
    pub access: Access,
    /// How it came.
    pub received: Received,
    /// The name of whoever shared it.
    pub shared_by_name: String,
}

impl ReceivedNote {
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            note: Note::from_row(row),
            access: Access::from_row(row.get(7)),
            received: Received {
                shared_by: UserId::from_row(row.get(8)),
                at: row.get(9),
                read_at: row.get(10),
            },
            shared_by_name: row.get(11),
        }
    }
}

impl Placed for ReceivedNote {
    fn position(&self) -> Position {
        (self.received.at, self.note.id)
    }
}

impl TenantHandle {
    /// Up to `limit` notes of an inbox from `cursor` on, each with the beginning of its text, and the number
    /// of unread ones.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn inbox(
        &self,
        user: UserId,
        cursor: Cursor,
        limit: u16,
    ) -> Result<(Page<ReceivedNote>, i64), DbError> {
        let statement = match cursor {
            Cursor::Start => &LATEST,
            Cursor::OlderThan(..) => &OLDER,
            Cursor::NewerThan(..) => &NEWER,
        };
        let count: [&dyn Value; 2] = [&self.tenant().number(), &user.number()];
        let (page, counted) = self
            .page(
                statement,
                user,
                Wanted { cursor, limit, words: None },
                ReceivedNote::from_row,
                &[Step { statement: &UNREAD, values: &count }],
            )
            .await?;
        Ok((page, unread_in(counted.first())))
    }

    /// Up to `limit` notes of an inbox that came before `before`, or the latest, each with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn whole_inbox(
        &self,
        user: UserId,
        unread: bool,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<ReceivedNote>, DbError> {
        let statement = match (unread, before) {
            (false, None) => &WHOLE_LATEST,
            (false, Some(_)) => &WHOLE_OLDER,
            (true, None) => &WHOLE_UNREAD_LATEST,
            (true, Some(_)) => &WHOLE_UNREAD_OLDER,
        };
        Ok(self
            .page(
                statement,
                user,
                Wanted { cursor: Cursor::before(before), limit, words: None },
                ReceivedNote::from_row,
                &[],
            )
            .await?
            .0)
    }

    /// Notes that `user` has opened a note that came as `received` says, the first time that they do. Gives
    /// the sharer's name and the number of what is still unread.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn open_received(
        &self,
        user: UserId,
        note: NoteId,
        received: &Received,
    ) -> Result<(String, i64), DbError> {
        let (tenant, user, note, sharer) =
            (self.tenant().number(), user.number(), note.number(), received.shared_by.number());
        let marking: [&dyn Value; 3] = [&tenant, &user, &note];
        let (of_sharer, of_user): ([&dyn Value; 2], [&dyn Value; 2]) = ([&tenant, &sharer], [&tenant, &user]);
        let mut steps = Vec::with_capacity(3);
        if received.read_at.is_none() {
            steps.push(Step { statement: &MARK_READ, values: &marking });
        }
        steps.push(Step { statement: &NAME, values: &of_sharer });
        steps.push(Step { statement: &UNREAD, values: &of_user });
        let mut results = self.transaction(&steps).await?;
        let unread = unread_in(results.pop().as_ref());
        let name = results.pop().and_then(|rows| rows.first().map(|row| row.get(0))).unwrap_or_default();
        Ok((name, unread))
    }

    /// Notes that `user` has seen all that is in the inbox, and gives what has come meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn mark_all_read(&self, user: UserId) -> Result<i64, DbError> {
        let (tenant, user) = (self.tenant().number(), user.number());
        let results = self
            .transaction(&[
                Step { statement: &MARK_ALL_READ, values: &[&tenant, &user] },
                Step { statement: &UNREAD, values: &[&tenant, &user] },
            ])
            .await?;
        Ok(unread_in(results.get(1)))
    }
}
