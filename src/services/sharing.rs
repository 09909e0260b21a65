//! Writing and sharing notes. A share puts a message into the outbox, and the notifier wakes the workers.

use super::{Actor, Services, limits};
use crate::db::{DbError, TenantHandle};
use crate::domain::{NoteId, UserId};
use crate::store::{CreatedNote, IdempotentRequest, NewNote, Outcome, Sharing};

/// Writes a note, and shares it when `note` says so.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn create_note(
    services: &Services,
    actor: &Actor<'_>,
    note: &NewNote<'_>,
) -> Result<Outcome<CreatedNote>, DbError> {
    let created = actor.tenant.create_note(actor.user(), note).await;
    let outcome = limits::record_refusal(&actor.client, &actor.subject(), created)?;
    if let Outcome::First(created) | Outcome::Replay(created) = &outcome
        && created.message.is_some()
    {
        services.notifier.wake(actor.tenant);
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
