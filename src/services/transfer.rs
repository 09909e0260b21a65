//! Exporting notes as a ZIP, and importing notes from one.

use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::audit;
use super::{Actor, ServiceError, Services, limits};
use crate::auth::{SessionCache, Token};
use crate::db::{Database, DbError};
use crate::domain::Role;
use crate::store::ExportScope;
use crate::transfer::{
    self, DiskQuota, EntryList, ExportRequest, ImportError, ImportReport, ImportRequest, Permission,
    UploadedFile,
};

/// The session of a request, for work that outlives the moment in which the request was let in.
struct SessionInForce {
    database: Database,
    cache: SessionCache,
    token: Token,
    /// Whether the user has to be an owner.
    owners_only: bool,
}

impl SessionInForce {
    fn of(services: &Services, token: &Token, owners_only: bool) -> Self {
        Self {
            database: services.database.clone(),
            cache: services.session_cache.clone(),
            token: token.clone(),
            owners_only,
        }
    }
}

impl Permission for SessionInForce {
    async fn is_in_force(&self) -> Result<bool, DbError> {
        let tenant = self.database.claimed_tenant(self.token.tenant());
        let Some(session) = self.cache.find(&tenant, &self.token).await? else {
            return Ok(false);
        };
        let _ = tenant.confirmed();
        Ok(!self.owners_only || session.role == Role::Owner)
    }
}

/// Refuses an export that the actor may not have.
///
/// # Errors
/// [`ServiceError::Forbidden`] when another user than an owner exports the tenant.
pub fn permit_export(actor: &Actor<'_>, scope: ExportScope) -> Result<(), ServiceError> {
    if scope == ExportScope::Tenant && actor.session.role != Role::Owner {
        return Err(ServiceError::Forbidden("Only an owner may export the whole organization."));
    }
    Ok(())
}

/// The ZIP of the actor's notes, or of everything in the tenant for its owners. Reads from the database run
/// while the stream is read, as long as the session of `token` is in force. A long list of the ZIP's files
/// counts against `quota`.
///
/// # Errors
/// Those of [`permit_export`].
pub fn export(
    services: &Services,
    actor: &Actor<'_>,
    token: &Token,
    scope: ExportScope,
    quota: Box<dyn DiskQuota>,
) -> Result<impl Stream<Item = Result<Bytes, io::Error>> + 'static, ServiceError> {
    permit_export(actor, scope)?;
    let event = if scope == ExportScope::Tenant { "exported the organization" } else { "exported notes" };
    audit::record(&actor.client, event, &actor.subject());
    let exported = ExportRequest {
        tenant: actor.tenant.tenant(),
        tenant_name: actor.session.tenant_name.clone(),
        scope,
        username: actor.session.username.clone(),
    };
    let permission = SessionInForce::of(services, token, scope == ExportScope::Tenant);
    let list = EntryList::new(&services.uploads, quota);
    Ok(transfer::export(services.database.clone(), exported, permission, list))
}

/// Imports the notes of a ZIP for the actor, once `arriving` has uploaded it, as long as the session of
/// `token` is in force and the client is there. The security log has a line also when the import is refused,
/// or breaks off, as the notes before that stay.
///
/// # Errors
/// See [`ImportError`], or the error of the upload.
pub async fn import<E: From<ImportError>>(
    services: &Services,
    actor: &Actor<'_>,
    token: &Token,
    client_is_gone: impl Fn() -> bool,
    arriving: impl Future<Output = Result<UploadedFile, E>>,
) -> Result<ImportReport, E> {
    let request = ImportRequest {
        database: &services.database,
        tenant: actor.tenant.tenant(),
        user: actor.user(),
        permission: SessionInForce::of(services, token, false),
        client_is_gone: &client_is_gone,
    };
    let report = transfer::import(&request, arriving).await;
    let event = if report.is_ok() { "imported notes" } else { "import refused or broken off" };
    audit::record(&actor.client, event, &actor.subject());
    if let Some(limit) = report.as_ref().ok().and_then(|report| report.limit) {
        limits::record(&actor.client, limit, &actor.subject());
    }
    report
}
