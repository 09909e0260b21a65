//! Writing and sharing notes. A share puts a message into the outbox, and the notifier wakes the workers.

use super::Services;
use crate::db::{DbError, TenantHandle};
use crate::domain::{NoteId, UserId};
use crate::store::{NewNote, Once, Shared, Sharing, Written};

/// Writes a note, and shares it when `note` says so.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn create_note(
    services: &Services,
    tenant: &TenantHandle,
    author: UserId,
    note: &NewNote<'_>,
) -> Result<Written, DbError> {
    let written = tenant.create_note(author, note).await?;
    if let Written::Now { message: Some(_), .. } | Written::Before { message: Some(_), .. } = written {
        services.notifier.wake(tenant);
    }
    Ok(written)
}

/// Shares a note of `author`. `once` is set for a request that may be repeated.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn share_note(
    services: &Services,
    tenant: &TenantHandle,
    author: UserId,
    note: NoteId,
    sharing: &Sharing,
    once: Option<&Once>,
) -> Result<Shared, DbError> {
    let shared = tenant.share_note(author, note, sharing, once).await?;
    if let Shared::Message(_) = shared {
        services.notifier.wake(tenant);
    }
    Ok(shared)
}
