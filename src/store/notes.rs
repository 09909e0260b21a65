//! Notes: each belongs to its author, and for now nobody else in the tenant sees it.

use chrono::{DateTime, Utc};

use super::revisions::{BASE, KEEP_REPLACED, OF_NOTE, Revision};
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{Merge, NoteContent, NoteId, NoteTitle, UserId, merge_contents, merge_titles};

pub(super) const INSERT: Statement = Statement::inserting(
    "INSERT INTO notes (tenant_id, user_id, title, content) VALUES ($1, $2, $3, $4)
     RETURNING id, user_id, title, content, version, created_at, updated_at",
);
const FIND: Statement = Statement::new(
    "SELECT id, user_id, title, content, version, created_at, updated_at FROM notes
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NULL",
);
const UPDATE: Statement = Statement::new(
    "UPDATE notes SET title = $5, content = $6, version = version + 1, updated_at = now()
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND version = $4 AND deleted_at IS NULL
       AND (title IS DISTINCT FROM $5 OR $6 <> CASE WHEN $7::boolean
            THEN replace(replace(content, E'\\r\\n', E'\\n'), E'\\r', E'\\n') ELSE content END)
     RETURNING id, user_id, title, content, version, created_at, updated_at",
);
const DELETE: Statement = Statement::new(
    "UPDATE notes SET deleted_at = now()
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NULL AND ($4::integer IS NULL OR version = $4)
     RETURNING id",
);
const RESTORE: Statement = Statement::new(
    "UPDATE notes SET deleted_at = NULL
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND deleted_at IS NOT NULL RETURNING id",
);
const COUNT: Statement = Statement::new("SELECT count(*) FROM notes WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NULL");

// One statement for each direction and start, so that each has a plan that walks the index and stops after a page. Only
// the beginning of a text is cut out by the database, and only where a beginning is all that is shown: it walks every
// character to find the end.
macro_rules! page {
    ($text:literal, $deleted:literal, $bound:literal, $order:literal) => {
        Statement::new(concat!(
            "SELECT id, user_id, title, ",
            $text,
            ", version, created_at, updated_at FROM notes
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
const WHOLE_LATEST: Statement = page!("content", "NULL", "", "DESC");
const WHOLE_OLDER: Statement = page!("content", "NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const LATEST: Statement = page!("left(content, 480)", "NULL", "", "DESC");
const OLDER: Statement = page!("left(content, 480)", "NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const NEWER: Statement = page!("left(content, 480)", "NULL", " AND (created_at, id) > ($4, $5)", "ASC");
const BIN_LATEST: Statement = page!("left(content, 480)", "NOT NULL", "", "DESC");
const BIN_OLDER: Statement = page!("left(content, 480)", "NOT NULL", " AND (created_at, id) < ($4, $5)", "DESC");
const BIN_NEWER: Statement = page!("left(content, 480)", "NOT NULL", " AND (created_at, id) > ($4, $5)", "ASC");

pub(super) const ALL: &[&Statement] = &[
    &INSERT,
    &FIND,
    &UPDATE,
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

/// How often a merge is tried again when somebody saves in between.
const MERGE_TRIES: usize = 4;

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

    /// Where a page that ends or begins with this note goes on.
    pub fn position(&self) -> (DateTime<Utc>, NoteId) {
        (self.created_at, self.id)
    }
}

/// A place in a list of notes, newest first. Ids come from a range for each node, so they do not tell what is newer.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// The newest notes.
    Start,
    /// What is older than this position.
    OlderThan(DateTime<Utc>, NoteId),
    /// What is newer than this position.
    NewerThan(DateTime<Utc>, NoteId),
}

/// Which notes a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bin {
    /// Those in use.
    Out,
    /// Those that were deleted and can be restored.
    In,
}

/// A part of a list, newest first.
pub struct NotePage {
    /// The notes.
    pub notes: Vec<Note>,
    /// Whether there are newer ones.
    pub has_newer: bool,
    /// Whether there are older ones.
    pub has_older: bool,
}

/// A change of a note's text.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The new title.
    pub title: Option<NoteTitle>,
    /// The new text.
    pub content: NoteContent,
    /// The version that the editor started from.
    pub version: i32,
    /// Whether the new text came through a browser's form, which changes line breaks: saving a form untouched must not
    /// change a note that a script wrote with others.
    pub from_browser: bool,
}

/// What came of an edit.
pub enum Saved {
    /// It is stored, alone or merged with what was saved meanwhile.
    Stored {
        /// The note as it is now.
        note: Note,
        /// Whether another's change was merged in.
        merged: bool,
    },
    /// It overlaps with what was saved meanwhile; nothing changed.
    Conflict {
        /// The note as it is.
        current: Note,
        /// A proposal to settle by hand.
        title: Option<NoteTitle>,
        /// Its text.
        content: String,
    },
    /// There is no such note.
    Gone,
}

impl TenantHandle {
    /// A note of `author`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn note(&self, author: UserId, id: NoteId) -> Result<Option<Note>, DbError> {
        let row = self.row(&FIND, &[&self.tenant().number(), &author.number(), &id.number()]).await?;
        Ok(row.as_ref().map(Note::from_row))
    }

    /// Up to `limit` notes of `author` from `cursor` on, each with the beginning of its text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn notes(&self, author: UserId, bin: Bin, cursor: Cursor, limit: u16) -> Result<NotePage, DbError> {
        let statement = match (bin, cursor) {
            (Bin::Out, Cursor::Start) => &LATEST,
            (Bin::Out, Cursor::OlderThan(..)) => &OLDER,
            (Bin::Out, Cursor::NewerThan(..)) => &NEWER,
            (Bin::In, Cursor::Start) => &BIN_LATEST,
            (Bin::In, Cursor::OlderThan(..)) => &BIN_OLDER,
            (Bin::In, Cursor::NewerThan(..)) => &BIN_NEWER,
        };
        self.page_of(statement, author, cursor, limit).await
    }

    /// Up to `limit` notes of `author` that are older than `before`, or the latest, each with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn whole_notes(&self, author: UserId, before: Option<(DateTime<Utc>, NoteId)>, limit: u16) -> Result<NotePage, DbError> {
        match before {
            None => self.page_of(&WHOLE_LATEST, author, Cursor::Start, limit).await,
            Some((time, id)) => self.page_of(&WHOLE_OLDER, author, Cursor::OlderThan(time, id), limit).await,
        }
    }

    async fn page_of(&self, statement: &'static Statement, author: UserId, cursor: Cursor, limit: u16) -> Result<NotePage, DbError> {
        let (tenant, author, wanted) = (self.tenant().number(), author.number(), i64::from(limit) + 1);
        let rows = match cursor {
            Cursor::Start => self.rows(statement, &[&tenant, &author, &wanted]).await?,
            Cursor::OlderThan(time, id) | Cursor::NewerThan(time, id) => {
                self.rows(statement, &[&tenant, &author, &wanted, &time, &id.number()]).await?
            }
        };
        Ok(cut_page(&rows, cursor, usize::from(limit)))
    }

    /// The number of notes of `author` and the latest of them.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn notes_overview(&self, author: UserId, limit: u16) -> Result<(i64, Vec<Note>), DbError> {
        let (tenant, author, limit) = (self.tenant().number(), author.number(), i64::from(limit));
        let results = self
            .transaction(&[
                Step { statement: &COUNT, values: &[&tenant, &author] },
                Step { statement: &LATEST, values: &[&tenant, &author, &limit] },
            ])
            .await?;
        let count = results.first().and_then(|rows| rows.first()).map_or(0, |row| row.get(0));
        Ok((count, results.get(1).map(|rows| rows.iter().map(Note::from_row).collect()).unwrap_or_default()))
    }

    /// A note of `author` with the last `limit` texts that it had before, newest first.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn note_with_revisions(&self, author: UserId, id: NoteId, limit: u16) -> Result<(Option<Note>, Vec<Revision>), DbError> {
        let (tenant, author, id, limit) = (self.tenant().number(), author.number(), id.number(), i64::from(limit));
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &author, &id] },
                Step { statement: &OF_NOTE, values: &[&tenant, &author, &id, &limit] },
            ])
            .await?;
        let note = results.first().and_then(|rows| rows.first()).map(Note::from_row);
        Ok((note, results.get(1).map(|rows| rows.iter().map(Revision::from_row).collect()).unwrap_or_default()))
    }

    /// Saves an edit. Nobody's text is overwritten unseen: what was saved since the editor's version is merged when it
    /// does not overlap, and every replaced text stays in the revisions.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note(&self, author: UserId, id: NoteId, edit: &Edit) -> Result<Saved, DbError> {
        if let Some(note) = self.replace_text(author, id, edit).await? {
            return Ok(Saved::Stored { note, merged: false });
        }
        for _ in 0..MERGE_TRIES {
            let (Some(current), base) = self.note_and_base(author, id, edit.version).await? else {
                return Ok(Saved::Gone);
            };
            if current.version == edit.version {
                return Ok(Saved::Stored { note: current, merged: false });
            }
            // A base that is not there (an invented version) shares nothing, so that every difference overlaps.
            let base = base.unwrap_or_else(|| Revision::empty(edit.version));
            let title = merge_titles(&base.title, &edit.title, &current.title);
            let content = merge_contents(&base.content, edit.content.as_str(), current.content.as_str());
            let (title, content) = match (title, content) {
                (Merge::Clean(title), Merge::Clean(content)) => (title, content),
                (Merge::Clean(title) | Merge::Overlap(title), Merge::Clean(content) | Merge::Overlap(content)) => {
                    return Ok(Saved::Conflict { current, title, content });
                }
            };
            let Ok(content) = NoteContent::parse(content) else {
                return Ok(Saved::Conflict { content: edit.content.as_str().to_owned(), title, current });
            };
            if title == current.title && content == current.content {
                return Ok(Saved::Stored { note: current, merged: true });
            }
            let merged = Edit { title, content, version: current.version, from_browser: false };
            if let Some(note) = self.replace_text(author, id, &merged).await? {
                return Ok(Saved::Stored { note, merged: true });
            }
        }
        Err(DbError::Unavailable(Some("the note changes faster than it can be merged".into())))
    }

    /// Saves an edit only when the note is still at the edit's version; otherwise gives a conflict.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note_unmerged(&self, author: UserId, id: NoteId, edit: &Edit) -> Result<Saved, DbError> {
        if let Some(note) = self.replace_text(author, id, edit).await? {
            return Ok(Saved::Stored { note, merged: false });
        }
        Ok(match self.note(author, id).await? {
            None => Saved::Gone,
            Some(current) if current.version == edit.version => Saved::Stored { note: current, merged: false },
            Some(current) => Saved::Conflict { current, title: edit.title.clone(), content: edit.content.as_str().to_owned() },
        })
    }

    /// Moves a note to the bin, when `version` is none or the current one, and says whether it did.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn delete_note(&self, author: UserId, id: NoteId, version: Option<i32>) -> Result<bool, DbError> {
        let row = self.row(&DELETE, &[&self.tenant().number(), &author.number(), &id.number(), &version]).await?;
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

    /// Stores the edit when the note is still at the edit's version and differs from it.
    async fn replace_text(&self, author: UserId, id: NoteId, edit: &Edit) -> Result<Option<Note>, DbError> {
        let (tenant, author, id) = (self.tenant().number(), author.number(), id.number());
        let (title, content) = (edit.title.as_ref().map(NoteTitle::as_str), edit.content.as_str());
        let values: [&dyn Value; 7] = [&tenant, &author, &id, &edit.version, &title, &content, &edit.from_browser];
        let results =
            self.transaction(&[Step { statement: &KEEP_REPLACED, values: &values }, Step { statement: &UPDATE, values: &values }]).await?;
        Ok(results.get(1).and_then(|rows| rows.first()).map(Note::from_row))
    }

    async fn note_and_base(&self, author: UserId, id: NoteId, version: i32) -> Result<(Option<Note>, Option<Revision>), DbError> {
        let (tenant, author, id) = (self.tenant().number(), author.number(), id.number());
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &author, &id] },
                Step { statement: &BASE, values: &[&tenant, &author, &id, &version] },
            ])
            .await?;
        let first = |index: usize| results.get(index).and_then(|rows| rows.first());
        Ok((first(0).map(Note::from_row), first(1).map(Revision::from_row)))
    }
}

/// Makes a page of rows that hold one more than its limit when there is more in the direction that was walked.
fn cut_page(rows: &[Row], cursor: Cursor, limit: usize) -> NotePage {
    let more = rows.len() > limit;
    let mut notes: Vec<Note> = rows.iter().take(limit).map(Note::from_row).collect();
    let (has_newer, has_older) = match cursor {
        Cursor::Start => (false, more),
        Cursor::OlderThan(..) => (true, more),
        Cursor::NewerThan(..) => {
            notes.reverse();
            (more, true)
        }
    };
    NotePage { notes, has_newer, has_older }
}
