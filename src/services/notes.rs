//! Edits of notes, and their return from the bin. `sharing` writes new ones.

use super::{Actor, limits};
use crate::db::DbError;
use crate::domain::NoteId;
use crate::store::{Edit, EditOutcome};

/// What to do when the note has a newer version than the edit started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStaleVersion {
    /// Merge the two if they do not overlap.
    Merge,
    /// Change nothing.
    Refuse,
}

/// Saves an edit of a note.
///
/// # Errors
/// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
pub async fn save(
    actor: &Actor<'_>,
    note: NoteId,
    edit: &Edit,
    on_stale: OnStaleVersion,
) -> Result<EditOutcome, DbError> {
    let saved = match on_stale {
        OnStaleVersion::Merge => actor.tenant.save_note(actor.user(), note, edit).await,
        OnStaleVersion::Refuse => actor.tenant.save_note_unmerged(actor.user(), note, edit).await,
    };
    limits::record_refusal(&actor.client, &actor.subject(), saved)
}

/// Takes a note of the actor out of the bin and tells whether it was there.
///
/// # Errors
/// [`DbError`] of the transaction, which then changed nothing.
pub async fn restore(actor: &Actor<'_>, note: NoteId) -> Result<bool, DbError> {
    let restored = actor.tenant.restore_note(actor.user(), note).await;
    limits::record_refusal(&actor.client, &actor.subject(), restored)
}
