//! The outbox as its operator sees it: how much waits, what failed, trying it again or giving it up. It runs
//! as the owner of the tables, on a connection of an administrator, and never for a request. What is in a
//! note is not read.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::{Client, Error};

use super::outbox::Message;
use crate::db::{Database, DbError, Row};

const COUNTS: &str = "
    SELECT CASE WHEN acknowledged_at IS NOT NULL THEN 'acknowledged' WHEN failed_at IS NOT NULL THEN 'failed'
                WHEN published_at IS NOT NULL THEN 'published' ELSE 'pending' END,
           count(*), min(created_at), max(attempts)::integer
    FROM outbox GROUP BY 1 ORDER BY 1";
const FAILED: &str = "
    SELECT id, route, user_id, note_id, payload, attempts, created_at, due_at, acknowledged_at, failed_at,
    published_at, last_error,
           tenant_id
    FROM outbox WHERE failed_at IS NOT NULL ORDER BY failed_at, tenant_id, id LIMIT $1";
const SHOW: &str = "
    SELECT id, route, user_id, note_id, payload, attempts, created_at, due_at, acknowledged_at, failed_at,
    published_at, last_error,
           tenant_id
    FROM outbox WHERE tenant_id = $1 AND id = $2";
const REPLAY: &str = "
    UPDATE outbox SET failed_at = NULL, published_at = NULL, attempts = 0, last_error = '', due_at = now()
    WHERE tenant_id = $1 AND id = $2 AND failed_at IS NOT NULL AND acknowledged_at IS NULL";
const DROP: &str = "DELETE FROM outbox WHERE tenant_id = $1 AND id = $2 AND failed_at IS NOT NULL";

// Each by its partial index: what is done is not looked at, so that the cost grows with what waits and not
// with what was done.
const WAITING: &str = "
    SELECT count(*) FILTER (WHERE published_at IS NULL), count(*) FILTER (WHERE published_at IS NOT NULL),
    min(created_at)
    FROM outbox WHERE acknowledged_at IS NULL AND failed_at IS NULL";
const DEAD: &str = "SELECT count(*), min(created_at) FROM outbox WHERE failed_at IS NOT NULL";

/// What is not done yet, over all tenants.
#[derive(Clone, Debug, Serialize)]
pub struct Unfinished {
    /// Messages that wait.
    pub pending: i64,
    /// Messages that the broker has.
    pub published: i64,
    /// When the oldest of both was written.
    pub oldest: Option<DateTime<Utc>>,
    /// Messages that failed for good and wait for an operator.
    pub failed: i64,
    /// When the oldest of those was written.
    pub oldest_failed: Option<DateTime<Utc>>,
}

impl Unfinished {
    /// How long the oldest message that is not done has waited.
    pub fn age_seconds(&self) -> Option<f64> {
        self.oldest.map(age)
    }

    /// How old the oldest message is that failed for good.
    pub fn failed_age_seconds(&self) -> Option<f64> {
        self.oldest_failed.map(age)
    }
}

fn age(since: DateTime<Utc>) -> f64 {
    (Utc::now() - since).as_seconds_f64().max(0.0)
}

/// What is not done yet, seen by the relay's role.
///
/// # Errors
/// [`DbError`] of the two statements, which ask every shard.
pub async fn unfinished_messages(database: &Database) -> Result<Unfinished, DbError> {
    database
        .relay(async |client| {
            let (waiting, dead) = (client.query_one(WAITING, &[]).await?, client.query_one(DEAD, &[]).await?);
            Ok(Unfinished {
                pending: waiting.get(0),
                published: waiting.get(1),
                oldest: waiting.get(2),
                failed: dead.get(0),
                oldest_failed: dead.get(1),
            })
        })
        .await
}

/// How many messages are in one state.
#[derive(Debug, Serialize)]
pub struct StateCount {
    /// pending, published, acknowledged or failed.
    pub state: String,
    /// How many.
    pub messages: i64,
    /// When the oldest of them was written.
    pub oldest: Option<DateTime<Utc>>,
    /// The most failures that one of them has had.
    pub most_attempts: i32,
}

/// A message of some tenant.
pub struct Backlog {
    /// The tenant's number.
    pub tenant: i64,
    /// The message.
    pub message: Message,
}

/// How many messages are in each state.
///
/// # Errors
/// What the database says.
pub async fn backlog(client: &Client) -> Result<Vec<StateCount>, Error> {
    let rows = client.query(COUNTS, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| StateCount {
            state: row.get(0),
            messages: row.get(1),
            oldest: row.get(2),
            most_attempts: row.get(3),
        })
        .collect())
}

/// Messages that failed for good, the oldest failure first.
///
/// # Errors
/// What the database says.
pub async fn failed_messages(client: &Client, limit: i64) -> Result<Vec<Backlog>, Error> {
    let rows = client.query(FAILED, &[&limit]).await?;
    Ok(rows
        .into_iter()
        .map(|row| Backlog { tenant: row.get(12), message: Message::from_row(&Row::Binary(row)) })
        .collect())
}

/// One message.
///
/// # Errors
/// What the database says.
pub async fn show_message(client: &Client, tenant: i64, id: i64) -> Result<Option<Message>, Error> {
    Ok(client.query_opt(SHOW, &[&tenant, &id]).await?.map(|row| Message::from_row(&Row::Binary(row))))
}

/// Has a failed message tried anew and says whether it had failed.
///
/// # Errors
/// What the database says.
pub async fn replay_failed(client: &Client, tenant: i64, id: i64) -> Result<bool, Error> {
    Ok(client.execute(REPLAY, &[&tenant, &id]).await? == 1)
}

/// Gives a failed message up and says whether it had failed.
///
/// # Errors
/// What the database says.
pub async fn drop_failed(client: &Client, tenant: i64, id: i64) -> Result<bool, Error> {
    Ok(client.execute(DROP, &[&tenant, &id]).await? == 1)
}
