//! The rows of an export, page by page. Each page is read under the permission of its own moment, and no page
//! reaches beyond the ids that existed when the export began.

use super::permission::Permission;
use super::zip_stream::ExportError;
use crate::db::{Database, TenantHandle};
use crate::domain::TenantId;
use crate::store::{ExportBounds, ExportScope, ExportedNote, ExportedUser};

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
pub struct ExportSource<P> {
    database: Database,
    tenant: TenantId,
    scope: ExportScope,
    permission: P,
    bounds: ExportBounds,
}

impl<P: Permission> ExportSource<P> {
    /// The rows that exist now.
    pub async fn open(
        database: Database,
        request: &ExportRequest,
        permission: P,
    ) -> Result<Self, ExportError> {
        let (tenant, scope, bounds) = (request.tenant, request.scope, ExportBounds::default());
        let mut source = Self { database, tenant, scope, permission, bounds };
        source.bounds = source.handle().await?.export_bounds().await?;
        Ok(source)
    }

    /// A handle for one call, because the time of a handle is limited and an export may take long. Without a
    /// permission in force there is none.
    pub async fn handle(&self) -> Result<TenantHandle, ExportError> {
        if self.permission.is_in_force().await? {
            Ok(self.database.tenant(self.tenant))
        } else {
            Err(ExportError::NotPermitted)
        }
    }

    /// The page of notes behind `last`.
    pub async fn notes_after(&self, last: Option<&ExportedNote>) -> Result<Vec<ExportedNote>, ExportError> {
        let after = last.map_or(0, |last| last.note.id.number());
        Ok(self.handle().await?.exported_notes(self.scope, (after, self.bounds.last_note), NOTES).await?)
    }

    /// The page of users behind `last`.
    pub async fn users_after(&self, last: Option<&ExportedUser>) -> Result<Vec<ExportedUser>, ExportError> {
        let after = last.map_or(0, |last| last.id);
        Ok(self.handle().await?.exported_users((after, self.bounds.last_user), USERS).await?)
    }
}
