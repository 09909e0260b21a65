//! Why a message could not be handled.

use crate::db::DbError;
use crate::store::Message;

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

/// The error for a route without a handler, and for a payload that is not of its route.
pub(super) fn unreadable(message: &Message) -> HandlingError {
    HandlingError::Unreadable(format!("route {:?}", message.route))
}

/// The error of a statement that has a minute: when the server cancelled it, the message is the reason and
/// not the database.
pub(super) fn error_of_long_statement(error: DbError) -> HandlingError {
    if error.is_statement_timeout() { HandlingError::TooLong } else { HandlingError::Database(error) }
}
