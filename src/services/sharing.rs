//! Writing and sharing notes. A share puts a message into the outbox, and the notifier wakes the workers.

use super::Services;
use crate::db::{DbError, TenantHandle};
use crate::domain::{NoteId, UserId};
use crate::store::{CreatedNote, IdempotentRequest, NewNote, Outcome, Sharing};

/// Writes a note, and shares it when `note` says so.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn create_note(
    services: &Services,
    tenant: &TenantHandle,
    author: UserId,
    note: &NewNote<'_>,
) -> Result<Outcome<CreatedNote>, DbError> {
    let outcome = tenant.create_note(author, note).await?;
    if let Outcome::First(created) | Outcome::Replay(created) = &outcome
        && created.message.is_some()
    {
        services.notifier.wake(tenant);
    }
    Ok(outcome)
}

/// Shares a note of `author`. `request` is set for one that its client may repeat. The result is the id of
/// the message that fills the inboxes, or none when the author has no such note.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn share_note(
    services: &Services,
    tenant: &TenantHandle,
    author: UserId,
    note: NoteId,
    sharing: &Sharing,
    request: Option<&IdempotentRequest>,
) -> Result<Outcome<Option<i64>>, DbError> {
    let outcome = tenant.share_note(author, note, sharing, request).await?;
    if let Outcome::First(Some(_)) | Outcome::Replay(Some(_)) = outcome {
        services.notifier.wake(tenant);
    }
    Ok(outcome)
}
