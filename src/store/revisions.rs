//! The earlier texts of a note, one for each edit.

use chrono::{DateTime, Utc};

use super::note_access::{AccessibleNote, NoteAccess, find};
use super::page::count_within;
use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{NoteId, NoteTitle, Right, UserId};

/// A page of a history ends with the text that reaches this many bytes. As HTML each may take five.
const HISTORY_BYTES: usize = 1024 * 1024;

/// The columns of a [`Revision`] from `note_revisions r` and the name of its editor.
macro_rules! revision_columns {
    ($editor:literal) => {
        $crate::store::revisions::revision_columns!($editor, "r.content")
    };
    ($editor:literal, $content:literal) => {
        concat!("r.version, r.title, ", $content, ", r.replaced_at, ", $editor)
    };
}
pub(super) use revision_columns;

// These statements check no right: they run behind `note_access::find`, whose rows decide whether theirs are
// used.
static BASE: Statement = Statement::reading(concat!(
    "SELECT ",
    revision_columns!("NULL::text"),
    " FROM {note_revisions} r WHERE r.tenant_id = $1 AND r.note_id = $2 AND r.version = $3"
));
// The texts until they have [`HISTORY_BYTES`], as in a list of notes (`note_columns`).
static OF_NOTE: Statement = Statement::reading(concat!(
    "SELECT ",
    revision_columns!(
        "u.username",
        "CASE WHEN sum(octet_length(r.content)) OVER (ORDER BY r.version DESC) - octet_length(r.content) \
         < 1048576 THEN r.content ELSE '' END"
    ),
    " FROM {note_revisions} r
     LEFT JOIN {shared.users} u ON u.tenant_id = r.tenant_id AND u.id = r.replaced_by
     WHERE r.tenant_id = $1 AND r.note_id = $2 AND ($4::integer IS NULL OR r.version < $4)
     ORDER BY r.version DESC LIMIT $3"
));

pub(super) static ALL: &[&Statement] = &[&BASE, &OF_NOTE];

/// A text that an edit replaced.
#[derive(Clone, Debug)]
pub struct Revision {
    pub version: i32,
    pub title: Option<NoteTitle>,
    pub content: String,
    pub replaced_at: DateTime<Utc>,
    /// The name of the user who replaced it, if the statement reads that.
    pub replaced_by: Option<String>,
}

/// A part of the earlier texts of a note, newest first.
pub struct NoteHistory {
    pub revisions: Vec<Revision>,
    /// Whether there are still earlier ones.
    pub more: bool,
}

impl FromRow for Revision {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            version: row.read(),
            title: row.read(),
            content: row.read(),
            replaced_at: row.read(),
            replaced_by: row.read(),
        }
    }
}

impl Revision {
    /// An empty text for a version that was never stored.
    pub(super) fn empty(version: i32) -> Self {
        Self {
            version,
            title: None,
            content: String::new(),
            replaced_at: DateTime::UNIX_EPOCH,
            replaced_by: None,
        }
    }
}

/// The text of one version, if an edit replaced it.
pub(super) fn base<'a>(id: NoteId, version: i32) -> Step<'a, Option<Revision>> {
    BASE.first(values![id, version])
}

impl TenantHandle {
    /// A note that `user` may edit, with the last `limit` of its earlier texts, newest first, from before the
    /// version `before` where that is given. Tells whether there are more. Long texts make it fewer.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn note_with_revisions(
        &self,
        user: UserId,
        id: NoteId,
        before: Option<i32>,
        limit: u16,
    ) -> Result<NoteAccess<(AccessibleNote, NoteHistory)>, DbError> {
        let revisions = OF_NOTE.all(values![id, i64::from(limit) + 1, before]);
        let (access, mut revisions): (_, Vec<Revision>) =
            self.transaction((find(user, id, Right::Edit), revisions)).await?;
        let whole = count_within(revisions.iter().map(|revision| revision.content.len()), HISTORY_BYTES);
        let shown = whole.min(usize::from(limit));
        let more = revisions.len() > shown;
        revisions.truncate(shown);
        Ok(access.map(|note| (note, NoteHistory { revisions, more })))
    }
}
