//! The notes of their author: listed, deleted and restored. `note_access` decides which users see a note,
//! and `edits` changes its text.

use chrono::{DateTime, Utc};

use super::page::{Cursor, Page, PageRequest, Position, Positioned};
use super::usage::{leave_room_for_notes, rows_of_person};
use crate::db::{DbError, FromRow, RowReader, Statement, Step, Steps, TenantHandle, Viewer, values};
use crate::domain::{NoteContent, NoteId, NoteTitle, UserId};

/// The columns of a [`Note`] from `notes n`, with its whole text or the beginning of it: 480 characters are
/// more than a list shows of a note. The database cuts long texts only, because it walks every character to
/// find the end, and it knows the length of a text without reading it.
macro_rules! note_columns {
    (whole) => {
        $crate::store::notes::note_columns!("n.content")
    };
    // In the order of a list, until the texts before a note are as long as a page may be; then nothing. The
    // length of a text is known without reading the text.
    (whole, $time:literal, $id:literal, $order:literal) => {
        $crate::store::notes::note_columns!(
            "CASE WHEN sum(octet_length(n.content)) OVER (ORDER BY ",
            $time,
            " ",
            $order,
            ", ",
            $id,
            " ",
            $order,
            ") - octet_length(n.content) < 2097152 THEN n.content ELSE '' END"
        )
    };
    (beginning, $time:literal, $id:literal, $order:literal) => {
        $crate::store::notes::note_columns!(beginning)
    };
    (beginning) => {
        $crate::store::notes::note_columns!(
            "CASE WHEN octet_length(n.content) <= 2048 THEN n.content ELSE left(n.content, 480) END"
        )
    };
    ($($content:literal),+) => {
        concat!("n.id, n.user_id, n.title, ", $($content),+, ", n.version, n.created_at, n.updated_at")
    };
}
pub(super) use note_columns;

/// A page of notes. There is one statement for each direction and for the start, so that each has a plan that
/// walks the index and stops after a page.
macro_rules! page {
    ($text:tt, $time:literal, $deleted:literal, $bound:literal, $order:literal) => {
        Statement::reading(concat!(
            "SELECT ",
            $crate::store::notes::note_columns!($text, $time, "n.id", $order),
            ", ",
            $time,
            " FROM {notes} n
             WHERE n.tenant_id = $1 AND n.user_id = $2 AND n.deleted_at IS ",
            $deleted,
            $bound,
            " ORDER BY ",
            $time,
            " ",
            $order,
            ", n.id ",
            $order,
            " LIMIT $3"
        ))
    };
}

// Scripts page by the time of creation, which an edit meanwhile does not change.
static WHOLE_LATEST: Statement = page!(whole, "n.created_at", "NULL", "", "DESC");
static WHOLE_OLDER: Statement =
    page!(whole, "n.created_at", "NULL", " AND (n.created_at, n.id) < ($4, $5)", "DESC");
static LATEST: Statement = page!(beginning, "n.updated_at", "NULL", "", "DESC");
static OLDER: Statement =
    page!(beginning, "n.updated_at", "NULL", " AND (n.updated_at, n.id) < ($4, $5)", "DESC");
static NEWER: Statement =
    page!(beginning, "n.updated_at", "NULL", " AND (n.updated_at, n.id) > ($4, $5)", "ASC");
static DELETED_LATEST: Statement = page!(beginning, "n.deleted_at", "NOT NULL", "", "DESC");
static DELETED_OLDER: Statement =
    page!(beginning, "n.deleted_at", "NOT NULL", " AND (n.deleted_at, n.id) < ($4, $5)", "DESC");
static DELETED_NEWER: Statement =
    page!(beginning, "n.deleted_at", "NOT NULL", " AND (n.deleted_at, n.id) > ($4, $5)", "ASC");
static COUNT: Statement = Statement::reading(
    "SELECT count(*) FROM {notes} WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NULL",
);
// A note in the bin does not count as a note of its author and the tenant.
static DELETE: Statement = Statement::writing(concat!(
    "WITH moved AS (UPDATE {notes} SET deleted_at = now()
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NULL AND ($4::integer IS NULL
     OR version = $4)
     RETURNING id), counted AS (UPDATE {tenant_usage} u SET note_count = u.note_count - 1 WHERE",
    rows_of_person!(),
    " AND EXISTS (SELECT FROM moved) RETURNING u.user_id) SELECT id FROM moved"
));
static RESTORE: Statement = Statement::writing(concat!(
    "WITH moved AS (UPDATE {notes} SET deleted_at = NULL
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NOT NULL RETURNING id),
     counted AS (UPDATE {tenant_usage} u SET note_count = u.note_count + 1 WHERE",
    rows_of_person!(),
    " AND EXISTS (SELECT FROM moved) RETURNING u.user_id) SELECT id FROM moved"
));

static IN_BIN: Statement = Statement::reading(
    "SELECT id FROM {notes} WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NOT NULL",
);

pub(super) static ALL: &[&Statement] = &[
    &WHOLE_LATEST,
    &WHOLE_OLDER,
    &LATEST,
    &OLDER,
    &NEWER,
    &DELETED_LATEST,
    &DELETED_OLDER,
    &DELETED_NEWER,
    &COUNT,
    &DELETE,
    &RESTORE,
    &IN_BIN,
];

/// A note as it is stored.
#[derive(Clone, Debug)]
pub struct Note {
    pub id: NoteId,
    pub author: UserId,
    pub title: Option<NoteTitle>,
    /// In lists only the beginning of the text.
    pub content: NoteContent,
    /// 1 for a new note; each edit adds 1.
    pub version: i32,
    pub created_at: DateTime<Utc>,
    /// When the text last changed.
    pub updated_at: DateTime<Utc>,
}

impl FromRow for Note {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            id: row.read(),
            author: row.read(),
            title: row.read(),
            content: row.read(),
            version: row.read(),
            created_at: row.read(),
            updated_at: row.read(),
        }
    }
}

/// A note in a list, with the time by which the list is ordered.
#[derive(Clone, Debug)]
pub struct ListedNote {
    pub note: Note,
    /// When its text last changed; in the bin, when it was deleted; for scripts, when it was created.
    pub at: DateTime<Utc>,
}

impl FromRow for ListedNote {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { note: row.read(), at: row.read() }
    }
}

impl Positioned for ListedNote {
    fn position(&self) -> Position {
        (self.at, self.note.id)
    }

    fn text(&self) -> &str {
        self.note.content.as_str()
    }
}

/// Whether a note is in use or in the bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteState {
    /// In use.
    Active,
    /// In the bin, from where its author can restore it.
    Deleted,
}

/// How many active notes a user wrote.
pub(super) fn count(author: Viewer) -> impl Steps<Output = i64> {
    COUNT.first(values![author]).map(Option::unwrap_or_default)
}

/// The latest active notes of a user.
pub(super) fn latest<'a>(author: Viewer, limit: u16) -> Step<'a, Vec<ListedNote>> {
    LATEST.all(values![author, i64::from(limit)])
}

/// Up to `limit` notes of an author from `cursor` on, each with the beginning of its text: those that changed
/// last, or were deleted last, first.
pub(crate) fn notes(
    author: impl Into<Viewer>,
    state: NoteState,
    cursor: Cursor,
    limit: u16,
) -> impl Steps<Output = Page<ListedNote>> {
    let statement = match (state, cursor) {
        (NoteState::Active, Cursor::Start) => &LATEST,
        (NoteState::Active, Cursor::OlderThan(..)) => &OLDER,
        (NoteState::Active, Cursor::NewerThan(..)) => &NEWER,
        (NoteState::Deleted, Cursor::Start) => &DELETED_LATEST,
        (NoteState::Deleted, Cursor::OlderThan(..)) => &DELETED_OLDER,
        (NoteState::Deleted, Cursor::NewerThan(..)) => &DELETED_NEWER,
    };
    PageRequest { cursor, limit }.steps(statement, author.into())
}

/// Up to `limit` notes of an author that were created before `before`, or the latest, each with its whole
/// text.
pub(crate) fn whole_notes(
    author: Viewer,
    before: Option<Position>,
    limit: u16,
) -> impl Steps<Output = Page<ListedNote>> {
    let statement = if before.is_none() { &WHOLE_LATEST } else { &WHOLE_OLDER };
    PageRequest { cursor: Cursor::before(before), limit }.steps(statement, author)
}

impl TenantHandle {
    /// The steps of [`notes`].
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn notes(
        &self,
        author: UserId,
        state: NoteState,
        cursor: Cursor,
        limit: u16,
    ) -> Result<Page<ListedNote>, DbError> {
        self.transaction(notes(author, state, cursor, limit)).await
    }

    /// Moves a note to the bin if `version` is none or the current one, and tells whether it did.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn delete_note(
        &self,
        author: UserId,
        id: NoteId,
        version: Option<i32>,
    ) -> Result<bool, DbError> {
        self.transaction(DELETE.any(values![author, id, version])).await
    }

    /// Whether the note is in its author's bin.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn is_in_bin(&self, author: UserId, id: NoteId) -> Result<bool, DbError> {
        self.transaction(IN_BIN.any(values![author, id])).await
    }

    /// Takes a note out of the bin and tells whether it was there.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing; [`DbError::LimitReached`] when the author
    /// or the tenant has as many notes as allowed.
    pub async fn restore_note(&self, author: UserId, id: NoteId) -> Result<bool, DbError> {
        let (restored, ()) =
            self.transaction((RESTORE.any(values![author, id]), leave_room_for_notes(self, author))).await?;
        Ok(restored)
    }
}
