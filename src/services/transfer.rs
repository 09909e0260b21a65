//! Exporting notes as a ZIP, and importing notes from one.

use std::future::Future;
use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::audit;
use super::{Actor, ServiceError, Services, limits};
use crate::domain::Role;
use crate::store::ExportScope;
use crate::transfer::{self, ExportRequest, ImportError, ImportReport, UploadedFile};

/// The ZIP of the actor's notes, or of everything in the tenant for its owners. Reads from the database run
/// while the stream is read.
///
/// # Errors
/// [`ServiceError::Forbidden`] when another user than an owner exports the tenant.
pub fn export(
    services: &Services,
    actor: &Actor<'_>,
    scope: ExportScope,
) -> Result<impl Stream<Item = Result<Bytes, io::Error>> + 'static, ServiceError> {
    let session = actor.session;
    if scope == ExportScope::Tenant && session.role != Role::Owner {
        return Err(ServiceError::Forbidden("Only an owner may export the whole organization."));
    }
    let event = if scope == ExportScope::Tenant { "exported the organization" } else { "exported notes" };
    audit::record(&actor.client, event, &actor.subject());
    let exported = ExportRequest {
        tenant: actor.tenant.tenant(),
        tenant_name: session.tenant_name.clone(),
        scope,
        username: session.username.clone(),
    };
    Ok(transfer::export(services.database.clone(), exported))
}

/// Imports the notes of a ZIP for the actor, once `arriving` has uploaded it. The security log has a line
/// also when the import is refused, or breaks off, as the notes before that stay.
///
/// # Errors
/// See [`ImportError`], or the error of the upload.
pub async fn import<E: From<ImportError>>(
    services: &Services,
    actor: &Actor<'_>,
    arriving: impl Future<Output = Result<UploadedFile, E>>,
) -> Result<ImportReport, E> {
    let report = transfer::import(&services.database, actor.tenant.tenant(), actor.user(), arriving).await;
    let event = if report.is_ok() { "imported notes" } else { "import refused or broken off" };
    audit::record(&actor.client, event, &actor.subject());
    if let Some(limit) = report.as_ref().ok().and_then(|report| report.limit) {
        limits::record(&actor.client, limit, &actor.subject());
    }
    report
}
