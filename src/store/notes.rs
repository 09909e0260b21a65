//! Notes of their authors: written, listed, thrown away and taken back. Who else sees one is decided in
//! `access`; how a text changes is in `edits`.

use chrono::{DateTime, Utc};

use super::inbox::{LATEST as LATEST_RECEIVED, ReceivedNote, UNREAD, unread_in};
use super::page::{Cursor, Page, Placed, Position, Wanted};
use crate::db::{DbError, Row, Statement, Step, TenantHandle};
use crate::domain::{NoteContent, NoteId, NoteTitle, UserId};

pub(super) const INSERT: Statement = Statement::inserting(
    "INSERT INTO notes (tenant_id, user_id, title, content) VALUES ($1, $2, $3, $4)
     RETURNING id, user_id, title, content, version, created_at, updated_at",
);
const DELETE: Statement = Statement::new(
    "UPDATE notes SET deleted_at = now()
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NULL AND ($4::integer IS NULL
     OR version = $4)
     RETURNING id",
);
const RESTORE: Statement = Statement::new(
    "UPDATE notes SET deleted_at = NULL
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NOT NULL RETURNING id",
);
const COUNT: Statement =
    Statement::new("SELECT count(*) FROM notes WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NULL");

// One statement for each direction and start, so that each has a plan that walks the index and stops after a
// page. Only the beginning of a text is cut out by the database, and only where a beginning is all that is
// shown: it walks every character to find the end.
macro_rules! page {
    ($text:literal, $deleted:literal, $bound:literal, $order:literal) => {
        page!($text, "", $deleted, $bound, $order)
    };
    ($text:literal, $more:expr, $deleted:literal, $bound:expr, $order:literal) => {
        Statement::new(concat!(
            "SELECT id, user_id, title, ",
            $text,
            ", version, created_at, updated_at",
            $more,
            " FROM notes
             WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS ",
            $deleted,
            $bound,
            " ORDER BY created_at ",
            $order,
            ", id ",
            $order,
            " LIMIT $3"
        ))
    };
}
pub(super) use page;

const WHOLE_LATEST: Statement = page!("content", "NULL", "", "DESC");
const WHOLE_OLDER: Statement = page!("content", "NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const LATEST: Statement = page!("left(content, 480)", "NULL", "", "DESC");
const OLDER: Statement = page!("left(content, 480)", "NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const NEWER: Statement = page!("left(content, 480)", "NULL", " AND (created_at, id) > ($4, $5)", "ASC");
const BIN_LATEST: Statement = page!("left(content, 480)", "NOT NULL", "", "DESC");
const BIN_OLDER: Statement =
    page!("left(content, 480)", "NOT NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const BIN_NEWER: Statement =
    page!("left(content, 480)", "NOT NULL", " AND (created_at, id) > ($4, $5)", "ASC");

pub(super) const ALL: &[&Statement] = &[
    &INSERT,
    &DELETE,
    &RESTORE,
    &COUNT,
    &WHOLE_LATEST,
    &WHOLE_OLDER,
    &LATEST,
    &OLDER,
    &NEWER,
    &BIN_LATEST,
    &BIN_OLDER,
    &BIN_NEWER,
];

/// A note as it is stored.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its number.
    pub id: NoteId,
    /// Who wrote it.
    pub author: UserId,
    /// Its title, if it has one.
    pub title: Option<NoteTitle>,
    /// Its text.
    pub content: NoteContent,
    /// Counts the texts that it had, from 1.
    pub version: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its text last changed.
    pub updated_at: DateTime<Utc>,
}

impl Note {
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            id: NoteId::from_row(row.get(0)),
            author: UserId::from_row(row.get(1)),
            title: row.get::<Option<String>>(2).map(NoteTitle::from_row),
            content: NoteContent::from_row(row.get(3)),
            version: row.get(4),
            created_at: row.get(5),
            updated_at: row.get(6),
        }
    }
}

impl Placed for Note {
    fn position(&self) -> Position {
        (self.created_at, self.id)
    }
}

/// Which notes a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bin {
    /// Those in use.
    Out,
    /// Those that were deleted and can be restored.
    In,
}

/// The beginning of everything that somebody has.
pub struct Overview {
    /// How many notes they wrote.
    pub count: i64,
    /// The latest of these.
    pub latest: Vec<Note>,
    /// How many notes in the inbox are unread.
    pub unread: i64,
    /// The latest in the inbox.
    pub received: Vec<ReceivedNote>,
}

impl TenantHandle {
    /// Up to `limit` notes of `author` from `cursor` on, each with the beginning of its text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn notes(
        &self,
        author: UserId,
        bin: Bin,
        cursor: Cursor,
        limit: u16,
    ) -> Result<Page<Note>, DbError> {
        let statement = match (bin, cursor) {
            (Bin::Out, Cursor::Start) => &LATEST,
            (Bin::Out, Cursor::OlderThan(..)) => &OLDER,
            (Bin::Out, Cursor::NewerThan(..)) => &NEWER,
            (Bin::In, Cursor::Start) => &BIN_LATEST,
            (Bin::In, Cursor::OlderThan(..)) => &BIN_OLDER,
            (Bin::In, Cursor::NewerThan(..)) => &BIN_NEWER,
        };
        Ok(self.page(statement, author, Wanted { cursor, limit, words: None }, Note::from_row, &[]).await?.0)
    }

    /// Up to `limit` notes of `author` that are older than `before`, or the latest, each with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn whole_notes(
        &self,
        author: UserId,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<Note>, DbError> {
        let statement = if before.is_none() { &WHOLE_LATEST } else { &WHOLE_OLDER };
        Ok(self
            .page(
                statement,
                author,
                Wanted { cursor: Cursor::before(before), limit, words: None },
                Note::from_row,
                &[],
            )
            .await?
            .0)
    }

    /// What `user` has: notes of their own and notes that were shared with them, counted, and the latest of
    /// both.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn overview(&self, user: UserId, limit: u16, limit_received: u16) -> Result<Overview, DbError> {
        let (tenant, user, limit, limit_received) =
            (self.tenant().number(), user.number(), i64::from(limit), i64::from(limit_received));
        let results = self
            .transaction(&[
                Step { statement: &COUNT, values: &[&tenant, &user] },
                Step { statement: &LATEST, values: &[&tenant, &user, &limit] },
                Step { statement: &UNREAD, values: &[&tenant, &user] },
                Step { statement: &LATEST_RECEIVED, values: &[&tenant, &user, &limit_received] },
            ])
            .await?;
        Ok(Overview {
            count: results.first().and_then(|rows| rows.first()).map_or(0, |row| row.get(0)),
            latest: results.get(1).map(|rows| rows.iter().map(Note::from_row).collect()).unwrap_or_default(),
            unread: unread_in(results.get(2)),
            received: results
                .get(3)
                .map(|rows| rows.iter().map(ReceivedNote::from_row).collect())
                .unwrap_or_default(),
        })
    }

    /// Moves a note to the bin, when `version` is none or the current one, and says whether it did.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn delete_note(
        &self,
        author: UserId,
        id: NoteId,
        version: Option<i32>,
    ) -> Result<bool, DbError> {
        let row =
            self.row(&DELETE, &[&self.tenant().number(), &author.number(), &id.number(), &version]).await?;
        Ok(row.is_some())
    }

    /// Takes a note out of the bin and says whether it was there.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn restore_note(&self, author: UserId, id: NoteId) -> Result<bool, DbError> {
        let row = self.row(&RESTORE, &[&self.tenant().number(), &author.number(), &id.number()]).await?;
        Ok(row.is_some())
    }
}
