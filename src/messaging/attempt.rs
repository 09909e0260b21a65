//! One attempt to handle a message, and the record of its failure.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::kinds::{HandlingError, handle};
use super::retry;
use crate::db::{Database, DbError, TenantHandle, server_answer};
use crate::domain::TenantId;
use crate::log_context::LogContext;
use crate::store::Message;

/// The result of an attempt.
pub(super) enum AttemptOutcome {
    /// The message is handled, and its row says so.
    Done,
    /// It failed, its row has the reason, and it is due again after a pause.
    Failed,
    /// It failed for the last time; an operator decides.
    GivenUp,
    /// The database is unavailable. No failure is counted, as the message is not the reason.
    Unavailable,
}

/// Handles a message, whose tenant and number are on each line of the log that this causes.
pub(super) async fn attempt(database: &Database, tenant: TenantId, message: &Message) -> AttemptOutcome {
    LogContext::of_message(tenant, message.id).scope(try_once(database, tenant, message)).await
}

/// A panic of the handler is a failure like any other.
async fn try_once(database: &Database, tenant: TenantId, message: &Message) -> AttemptOutcome {
    let handle_of_tenant = database.tenant(tenant);
    let reason = match AssertUnwindSafe(handle(database, &handle_of_tenant, message)).catch_unwind().await {
        Ok(Ok(())) => return AttemptOutcome::Done,
        Ok(Err(HandlingError::Database(
            error @ (DbError::Unavailable(_) | DbError::Unreachable(_) | DbError::Repeat(_)),
        ))) => {
            log::debug!("message {tenant}/{} waits for the database: {error}", message.id);
            return AttemptOutcome::Unavailable;
        }
        Ok(Err(HandlingError::Database(DbError::Fault(error)))) => without_values(&error),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the handler panicked".to_owned(),
    };
    record_failure(&handle_of_tenant, message, &reason).await
}

/// Counts a failure in the row of a message that was not attempted.
pub(super) async fn refuse(tenant: &TenantHandle, message: &Message, reason: &str) -> AttemptOutcome {
    LogContext::of_message(tenant.tenant(), message.id).scope(record_failure(tenant, message, reason)).await
}

/// Counts a failure in the message's row.
async fn record_failure(tenant: &TenantHandle, message: &Message, reason: &str) -> AttemptOutcome {
    let name = format!("message {}/{} ({})", tenant.tenant(), message.id, message.route);
    let (failures, is_last) = (message.attempts + 1, retry::is_last_attempt(message));
    let pause = retry::pause_of_message(message.attempts);
    match tenant.fail_message(message, reason, pause, is_last).await {
        Ok(true) if is_last => {
            log::error!(
                "{name} failed {failures} times and is given up; see `pigeonhole messages list`: {reason}"
            );
            AttemptOutcome::GivenUp
        }
        Ok(true) => {
            log::warn!("{name} failed, attempt {failures}: {reason}");
            AttemptOutcome::Failed
        }
        // Another worker handled it meanwhile.
        Ok(false) => AttemptOutcome::Done,
        Err(error) => {
            log::debug!("{name} failed, and the failure could not be written to its row: {error}");
            AttemptOutcome::Unavailable
        }
    }
}

/// The database's message without its details, which quote values of rows.
fn without_values(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(answer) => format!("the database refused it: {}", server_answer(answer)),
        None => "the statement failed".to_owned(),
    }
}
