//! What each message does. The job carries its tenant; a handler opens nothing but that tenant's rows, and doing it twice
//! changes nothing more.

use crate::db::{DbError, TenantHandle};
use crate::domain::NoteId;
use crate::store::{INSERT_TO_SHARED, Message};

/// Why a message could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlingError {
    /// The database; it may be tried again.
    #[error("the database: {0}")]
    Database(#[from] DbError),
    /// Nothing that we know how to do.
    #[error("nobody handles such a message: {0}")]
    Unreadable(String),
}

/// Does what a message asks for and marks it as done, in one transaction.
///
/// # Errors
/// See [`HandlingError`]; nothing was changed then.
pub async fn handle(tenant: &TenantHandle, message: &Message) -> Result<(), HandlingError> {
    match (message.route.as_str(), message.note_id) {
        (INSERT_TO_SHARED, Some(note)) => Ok(tenant.deliver_shares(NoteId::from_row(note), message.id).await?),
        (route, _) => Err(HandlingError::Unreadable(format!("route {route:?}"))),
    }
}
