//! Limits that were reached, in the security log. Its lines are bounded as those of all refusals.

use super::Client;
use super::audit::{self, Subject};
use crate::db::DbError;
use crate::domain::Limit;

/// Passes the result on, and writes a line when a limit refused what the subject wanted.
///
/// # Errors
/// The error of the result.
pub fn record_refusal<T>(
    client: &Client,
    subject: &Subject<'_>,
    result: Result<T, DbError>,
) -> Result<T, DbError> {
    if let Err(DbError::LimitReached(limit)) = &result {
        record(client, *limit, subject);
    }
    result
}

/// Writes the line for one limit.
pub fn record(client: &Client, limit: Limit, subject: &Subject<'_>) {
    audit::refused(client.address, &format!("limit reached: {}", limit.as_str()), "", subject);
}
