//! What each message does. The job carries its tenant; a handler opens nothing but that tenant's rows, and
//! doing it twice changes nothing more.

use crate::db::{Database, DbError, TenantHandle};
use crate::domain::{NoteId, UserId};
use crate::store::{self, CATCH_UP, FORGET_LOGINS, INSERT_TO_SHARED, Message};

/// The routes that are handled here.
pub(super) const ROUTES: [&str; 3] = [INSERT_TO_SHARED, CATCH_UP, FORGET_LOGINS];

/// Why a message could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlingError {
    /// The database; it may be tried again.
    #[error("the database: {0}")]
    Database(#[from] DbError),
    /// It takes longer than anything may.
    #[error("it takes longer than a minute")]
    TooLong,
    /// Nothing that we know how to do.
    #[error("nobody handles such a message: {0}")]
    Unreadable(String),
}

/// Does what a message asks for and marks it as done, in one transaction where it is about rows of its tenant
/// only.
///
/// # Errors
/// See [`HandlingError`]; nothing was changed then.
pub async fn handle(
    database: &Database,
    tenant: &TenantHandle,
    message: &Message,
) -> Result<(), HandlingError> {
    match (message.route.as_str(), message.note_id) {
        (INSERT_TO_SHARED, Some(note)) => {
            tenant.deliver_shares(NoteId::from_row(note), message.id).await.map_err(patiently)
        }
        (CATCH_UP, _) => {
            tenant.catch_up(UserId::from_row(message.user_id), message.id).await.map_err(patiently)
        }
        (FORGET_LOGINS, _) => Ok(forget_logins(database, tenant, message).await?),
        (route, _) => Err(HandlingError::Unreadable(format!("route {route:?}"))),
    }
}

/// What was cut off had a minute, so it is to blame itself.
fn patiently(error: DbError) -> HandlingError {
    if error.was_cut_off() { HandlingError::TooLong } else { HandlingError::Database(error) }
}

/// The login directory lies on other shards, so the message is marked as done after it.
async fn forget_logins(database: &Database, tenant: &TenantHandle, message: &Message) -> Result<(), DbError> {
    let user = UserId::from_row(message.user_id);
    if tenant.was_removed(user).await? {
        store::forget_logins(database, tenant.tenant(), user, &message.payload).await?;
    }
    tenant.acknowledge(message.id).await
}
