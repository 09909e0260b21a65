//! What a note said before each edit.

use chrono::{DateTime, Utc};

use crate::db::{Row, Statement};
use crate::domain::NoteTitle;

/// Keeps the text that the update of the same transaction replaces. Two edits of one version meet at the primary key:
/// the later waits here and then finds nothing left to replace.
pub(super) const KEEP_REPLACED: Statement = Statement::new(
    "INSERT INTO note_revisions (tenant_id, note_id, version, title, content, replaced_by)
     SELECT tenant_id, id, version, title, content, user_id FROM notes
     WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND version = $4 AND deleted_at IS NULL
       AND (title IS DISTINCT FROM $5 OR $6 <> CASE WHEN $7::boolean
            THEN replace(replace(content, E'\\r\\n', E'\\n'), E'\\r', E'\\n') ELSE content END)
     ON CONFLICT (tenant_id, note_id, version) DO NOTHING",
);
pub(super) const BASE: Statement = Statement::new(
    "SELECT r.version, r.title, r.content, r.replaced_at FROM note_revisions r
     JOIN notes n ON n.tenant_id = r.tenant_id AND n.id = r.note_id
     WHERE r.tenant_id = $1 AND n.user_id = $2 AND r.note_id = $3 AND r.version = $4",
);
pub(super) const OF_NOTE: Statement = Statement::new(
    "SELECT r.version, r.title, r.content, r.replaced_at FROM note_revisions r
     JOIN notes n ON n.tenant_id = r.tenant_id AND n.id = r.note_id
     WHERE r.tenant_id = $1 AND n.user_id = $2 AND r.note_id = $3 ORDER BY r.version DESC LIMIT $4",
);

pub(super) const ALL: &[&Statement] = &[&KEEP_REPLACED, &BASE, &OF_NOTE];

/// A text that was replaced.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The version that it was.
    pub version: i32,
    /// Its title.
    pub title: Option<NoteTitle>,
    /// Its text.
    pub content: String,
    /// When it was replaced.
    pub replaced_at: DateTime<Utc>,
}

impl Revision {
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            version: row.get(0),
            title: row.get::<Option<String>>(1).map(NoteTitle::from_row),
            content: row.get(2),
            replaced_at: row.get(3),
        }
    }

    /// Stands for a version that was never stored.
    pub(super) fn empty(version: i32) -> Self {
        Self { version, title: None, content: String::new(), replaced_at: DateTime::UNIX_EPOCH }
    }
}
