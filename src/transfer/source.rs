//! Reading what leaves, page by page.

use crate::db::{Database, DbError, TenantHandle};
use crate::domain::TenantId;
use crate::store::{LeavingNote, LeavingPerson, Scope};

/// Notes in a page: at most 5 MB of text.
const NOTES: i64 = 20;
const PEOPLE: i64 = 500;

/// What the user exports.
pub struct Exported {
    pub tenant: TenantId,
    pub tenant_name: String,
    pub scope: Scope,
    /// The name of the user, for the archive's own notes.
    pub username: String,
}

/// The rows of an export.
#[derive(Clone)]
pub struct Source {
    pub database: Database,
    pub tenant: TenantId,
    pub scope: Scope,
}

impl Source {
    /// A handle for one call: each has its own time, and all together may take long.
    pub fn handle(&self) -> TenantHandle {
        self.database.tenant(self.tenant)
    }

    /// The notes after `last`.
    pub async fn notes_after(&self, last: Option<&LeavingNote>) -> Result<Vec<LeavingNote>, DbError> {
        let after = last.map_or(0, |last| last.note.id.number());
        self.handle().leaving_notes(self.scope, after, NOTES).await
    }

    /// The people after `last`.
    pub async fn people_after(&self, last: Option<&LeavingPerson>) -> Result<Vec<LeavingPerson>, DbError> {
        self.handle().leaving_people(last.map_or(0, |last| last.id), PEOPLE).await
    }
}
