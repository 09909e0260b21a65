//! One attempt to do what a message asks for, and what is written down when it fails.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::handlers::{HandlingError, handle};
use crate::db::{Database, DbError, TenantHandle};
use crate::domain::TenantId;
use crate::store::Message;

/// What came of an attempt.
pub(super) enum Attempt {
    /// It is done, and its row says so.
    Done,
    /// It failed, and its row says why; another attempt follows by itself.
    Failed,
    /// It failed for the last time; an operator decides.
    GivenUp,
    /// The database could not do it now. Nothing is counted, as the message is not to blame.
    Unavailable,
}

/// Does what the message asks for; a panic is a failure like any other.
pub(super) async fn attempt(database: &Database, tenant: TenantId, message: &Message) -> Attempt {
    let handle_of_tenant = database.tenant(tenant);
    let reason = match AssertUnwindSafe(handle(database, &handle_of_tenant, message)).catch_unwind().await {
        Ok(Ok(())) => return Attempt::Done,
        Ok(Err(HandlingError::Database(
            error @ (DbError::Unavailable(_) | DbError::Unreachable(_) | DbError::Repeat(_)),
        ))) => {
            log::debug!("message {tenant}/{} waits for the database: {error}", message.id);
            return Attempt::Unavailable;
        }
        Ok(Err(HandlingError::Database(DbError::Fault(error)))) => fault(&error),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the handler panicked".to_owned(),
    };
    fail(&database.tenant(tenant), message, &reason).await
}

/// Counts a failure.
pub(super) async fn fail(tenant: &TenantHandle, message: &Message, reason: &str) -> Attempt {
    let name = format!("message {}/{} ({})", tenant.tenant(), message.id, message.route);
    match tenant.fail_message(message, reason).await {
        Ok(true) if message.is_last_attempt() => {
            log::error!(
                "{name} failed {} times and is given up; see `pigeonhole messages list`: {reason}",
                message.attempts + 1
            );
            Attempt::GivenUp
        }
        Ok(true) => {
            log::warn!("{name} failed, attempt {}: {reason}", message.attempts + 1);
            Attempt::Failed
        }
        // Somebody else was faster.
        Ok(false) => Attempt::Done,
        Err(error) => {
            log::debug!("{name} failed, and that could not be written down: {error}");
            Attempt::Unavailable
        }
    }
}

/// What the database said, without the values that its details quote.
fn fault(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("the database refused it: {} ({})", said.message(), said.code().code()),
        None => "the statement failed".to_owned(),
    }
}
