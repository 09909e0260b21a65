//! What a note said before each edit.

use chrono::{DateTime, Utc};

use super::note_access::{FIND, Grant, RECEIVED, Seen, grant};
use crate::db::{DbError, Row, Statement, Step, TenantHandle};
use crate::domain::{NoteId, NoteTitle, Right, UserId};

// These say nothing of rights: they stand behind the two statements of `access`, whose rows decide what is
// made of theirs.
pub(super) const BASE: Statement = Statement::new(
    "SELECT version, title, content, replaced_at, NULL::text FROM note_revisions WHERE tenant_id = $1 \
     AND note_id = $2 AND version = $3",
);
const OF_NOTE: Statement = Statement::new(
    "SELECT r.version, r.title, r.content, r.replaced_at, u.username FROM note_revisions r
     LEFT JOIN shared.users u ON u.tenant_id = r.tenant_id AND u.id = r.replaced_by
     WHERE r.tenant_id = $1 AND r.note_id = $2 ORDER BY r.version DESC LIMIT $3",
);

pub(super) const ALL: &[&Statement] = &[&BASE, &OF_NOTE];

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
    /// The name of whoever replaced it, where it was asked for.
    pub replaced_by: Option<String>,
}

impl Revision {
    pub(super) fn from_row(row: &Row) -> Self {
        let title: Option<String> = row.get(1);
        Self {
            version: row.get(0),
            title: title.map(NoteTitle::from_row),
            content: row.get(2),
            replaced_at: row.get(3),
            replaced_by: row.get(4),
        }
    }

    /// Stands for a version that was never stored.
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

impl TenantHandle {
    /// A note that `user` may edit with the last `limit` texts that it had before, newest first.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn note_with_revisions(
        &self,
        user: UserId,
        id: NoteId,
        limit: u16,
    ) -> Result<Grant<(Seen, Vec<Revision>)>, DbError> {
        let (tenant, number, recipient, limit) =
            (self.tenant().number(), id.number(), user.number(), i64::from(limit));
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &number] },
                Step { statement: &RECEIVED, values: &[&tenant, &recipient, &number] },
                Step { statement: &OF_NOTE, values: &[&tenant, &number, &limit] },
            ])
            .await?;
        Ok(grant(user, &results, Right::Edit).map(|seen| {
            let revisions =
                results.get(2).map(|rows| rows.iter().map(Revision::from_row).collect()).unwrap_or_default();
            (seen, revisions)
        }))
    }
}
