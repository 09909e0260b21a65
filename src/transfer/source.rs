//! The rows of an export, page by page.

use crate::db::{Database, DbError, TenantHandle};
use crate::domain::TenantId;
use crate::store::{ExportScope, ExportedNote, ExportedUser};

/// Notes in a page: at most 2 MiB of text.
const NOTES: i64 = 8;
const USERS: i64 = 500;

/// What to export, and for which user.
pub struct ExportRequest {
    pub tenant: TenantId,
    pub tenant_name: String,
    pub scope: ExportScope,
    /// The name of the user who exports.
    pub username: String,
}

/// Reads the rows of an export.
#[derive(Clone)]
pub struct ExportSource {
    pub database: Database,
    pub tenant: TenantId,
    pub scope: ExportScope,
}

impl ExportSource {
    /// A handle for one call, because the time of a handle is limited and an export may take long.
    pub fn handle(&self) -> TenantHandle {
        self.database.tenant(self.tenant)
    }

    /// The page of notes behind `last`.
    pub async fn notes_after(&self, last: Option<&ExportedNote>) -> Result<Vec<ExportedNote>, DbError> {
        let after = last.map_or(0, |last| last.note.id.number());
        self.handle().exported_notes(self.scope, after, NOTES).await
    }

    /// The page of users behind `last`.
    pub async fn users_after(&self, last: Option<&ExportedUser>) -> Result<Vec<ExportedUser>, DbError> {
        self.handle().exported_users(last.map_or(0, |last| last.id), USERS).await
    }
}
