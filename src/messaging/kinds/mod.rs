//! The kinds of messages, one file each: its name, its payload and its handler. A message names its tenant,
//! and a handler reads and writes rows of that tenant only. Handling a message twice changes nothing more
//! than handling it once.

mod catch_up;
mod forget_logins;
mod insert_to_shared;

use crate::db::{Database, DbError, TenantHandle};
use crate::store::Message;

/// All names; the broker's queue is bound with each of them.
pub(super) const NAMES: [&str; 3] = [insert_to_shared::NAME, catch_up::NAME, forget_logins::NAME];

/// Why a message could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlingError {
    /// The database; another attempt may succeed.
    #[error("the database: {0}")]
    Database(#[from] DbError),
    /// The server cancelled the statement after a minute, the longest time that any statement has.
    #[error("it takes longer than a minute")]
    TooLong,
    /// A route that has no handler, or a payload that does not belong to its route.
    #[error("no handler for such a message: {0}")]
    Unreadable(String),
}

/// Handles a message and acknowledges it, in one transaction where only rows of its tenant change.
///
/// # Errors
/// [`HandlingError`]; nothing was changed then.
pub async fn handle(
    database: &Database,
    tenant: &TenantHandle,
    message: &Message,
) -> Result<(), HandlingError> {
    match message.route.as_str() {
        insert_to_shared::NAME => insert_to_shared::handle(tenant, message).await,
        catch_up::NAME => catch_up::handle(tenant, message).await,
        forget_logins::NAME => forget_logins::handle(database, tenant, message).await,
        _ => Err(unreadable(message)),
    }
}

fn unreadable(message: &Message) -> HandlingError {
    HandlingError::Unreadable(format!("route {:?}", message.route))
}

/// The error of a statement that has a minute: when the server cancelled it, the message is the reason and
/// not the database.
fn error_of_long_statement(error: DbError) -> HandlingError {
    if error.is_statement_timeout() { HandlingError::TooLong } else { HandlingError::Database(error) }
}
