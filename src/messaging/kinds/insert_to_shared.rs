//! Fills the inboxes of the recipients of a note. Payload: [`InsertToShared`](crate::domain::InsertToShared),
//! which the handler does not need.

use super::handling_error::{HandlingError, error_of_long_statement, unreadable};
use crate::db::TenantHandle;
use crate::domain::{INSERT_TO_SHARED, NoteId};
use crate::store::Message;

pub(super) const NAME: &str = INSERT_TO_SHARED;

/// Delivers all shares that the note has now.
pub(super) async fn handle(tenant: &TenantHandle, message: &Message) -> Result<(), HandlingError> {
    let note = NoteId::from_row(message.note_id.ok_or_else(|| unreadable(message))?);
    tenant.deliver_shares(note, message.id).await.map_err(error_of_long_statement)
}
