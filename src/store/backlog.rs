//! The outbox as an operator sees it, over all tenants: how much waits, what failed, trying it again or
//! giving it up. The statements run as the role `pigeonhole_backlog`, which reads no payload and changes
//! failed messages only.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::{Client, Error};

use super::outbox::DeliveryState;
use crate::db::{Database, DbError, DbRow, FromRow, RowReader};

/// The columns of a [`BacklogMessage`].
const COLUMNS: &str = "tenant_id, id, route, user_id, note_id, attempts, created_at, due_at, \
    acknowledged_at, failed_at, published_at, last_error";
/// Messages by name. Citus prunes shards by the tenants, and the names say which pairs are meant.
const NAMED: &str =
    "tenant_id = ANY ($1) AND id = ANY ($2) AND tenant_id::text || '/' || id::text = ANY ($3)";

const COUNTS: &str = "
    SELECT CASE WHEN acknowledged_at IS NOT NULL THEN 'acknowledged' WHEN failed_at IS NOT NULL THEN 'failed'
                WHEN published_at IS NOT NULL THEN 'published' ELSE 'pending' END,
           count(*), min(created_at), max(attempts)::integer
    FROM outbox GROUP BY 1 ORDER BY 1";
const REPLAY: &str = "
    UPDATE outbox SET failed_at = NULL, published_at = NULL, attempts = 0, last_error = '', due_at = now()
    WHERE failed_at IS NOT NULL AND acknowledged_at IS NULL";

// Each statement reads one of the partial indexes, which leave acknowledged messages out.
const WAITING: &str = "
    SELECT count(*) FILTER (WHERE published_at IS NULL), count(*) FILTER (WHERE published_at IS NOT NULL),
    min(created_at)
    FROM outbox WHERE acknowledged_at IS NULL AND failed_at IS NULL";
const DEAD: &str = "SELECT count(*), min(created_at) FROM outbox WHERE failed_at IS NOT NULL";

/// Messages of all tenants that are not acknowledged.
#[derive(Clone, Debug, Serialize)]
pub struct Unfinished {
    /// Messages that wait for a relay.
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
    /// The age of the oldest pending or published message.
    pub fn age_seconds(&self) -> Option<f64> {
        self.oldest.map(age)
    }

    /// The age of the oldest failed message.
    pub fn failed_age_seconds(&self) -> Option<f64> {
        self.oldest_failed.map(age)
    }
}

fn age(since: DateTime<Utc>) -> f64 {
    (Utc::now() - since).as_seconds_f64().max(0.0)
}

/// Counts the messages that are not acknowledged, as the relay's role.
///
/// # Errors
/// [`DbError`] of the two statements, which read every shard.
pub async fn unfinished_messages(database: &Database) -> Result<Unfinished, DbError> {
    database
        .relay(async |client| {
            let (pending, published, oldest) = DbRow::from(client.query_one(WAITING, &[]).await?).read();
            let (failed, oldest_failed) = DbRow::from(client.query_one(DEAD, &[]).await?).read();
            Ok(Unfinished { pending, published, oldest, failed, oldest_failed })
        })
        .await
}

/// The messages in one state.
#[derive(Debug, Serialize)]
pub struct StateCount {
    /// pending, published, acknowledged or failed.
    pub state: String,
    pub messages: i64,
    /// When the oldest of them was written.
    pub oldest: Option<DateTime<Utc>>,
    /// The most failures of one of them.
    pub most_attempts: i32,
}

/// A message of any tenant, without its payload.
#[derive(Clone, Debug)]
pub struct BacklogMessage {
    pub tenant: i64,
    pub id: i64,
    pub route: String,
    pub user_id: i64,
    pub note_id: Option<i64>,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    /// The end of its lease, or when it is due.
    pub due_at: DateTime<Utc>,
    pub state: DeliveryState,
    /// When it came to that state; `None` while it is pending.
    pub since: Option<DateTime<Utc>>,
    pub last_error: String,
}

impl FromRow for BacklogMessage {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        let (tenant, id, route, user_id) = row.read();
        let (note_id, attempts, created_at, due_at) = row.read();
        let (state, since) = DeliveryState::by_times(row.read());
        let last_error = row.read();
        Self { tenant, id, route, user_id, note_id, attempts, created_at, due_at, state, since, last_error }
    }
}

impl FromRow for StateCount {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { state: row.read(), messages: row.read(), oldest: row.read(), most_attempts: row.read() }
    }
}

/// Tenant and number of messages, as the three values of [`NAMED`].
struct Names {
    tenants: Vec<i64>,
    ids: Vec<i64>,
    names: Vec<String>,
}

impl Names {
    fn of(messages: &[(i64, i64)]) -> Self {
        Self {
            tenants: messages.iter().map(|(tenant, _)| *tenant).collect(),
            ids: messages.iter().map(|(_, id)| *id).collect(),
            names: messages.iter().map(|(tenant, id)| format!("{tenant}/{id}")).collect(),
        }
    }

    async fn query<T: FromRow>(&self, client: &Client, sql: &str) -> Result<Vec<T>, Error> {
        let rows = client.query(sql, &[&self.tenants, &self.ids, &self.names]).await?;
        Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
    }
}

/// Counts the messages in each state.
///
/// # Errors
/// The error of the one statement, which reads all messages.
pub async fn message_counts(client: &Client) -> Result<Vec<StateCount>, Error> {
    let rows = client.query(COUNTS, &[]).await?;
    Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
}

/// Messages that failed for good, the oldest failure first.
///
/// # Errors
/// The error of the one statement.
pub async fn failed_messages(client: &Client, limit: i64) -> Result<Vec<BacklogMessage>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE failed_at IS NOT NULL ORDER BY failed_at, tenant_id, id LIMIT $1"
    );
    let rows = client.query(&sql, &[&limit]).await?;
    Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
}

/// Messages by tenant and number, in no order. Those that do not exist are left out.
///
/// # Errors
/// The error of the one statement.
pub async fn named_messages(client: &Client, messages: &[(i64, i64)]) -> Result<Vec<BacklogMessage>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE {NAMED}");
    Names::of(messages).query(client, &sql).await
}

/// Makes failed messages due again with all their attempts, and gives tenant and number of those that had
/// failed.
///
/// # Errors
/// The error of the one statement; nothing was changed then.
pub async fn replay_failed(client: &Client, messages: &[(i64, i64)]) -> Result<Vec<(i64, i64)>, Error> {
    let sql = format!("{REPLAY} AND {NAMED} RETURNING tenant_id, id");
    Names::of(messages).query(client, &sql).await
}

/// Deletes failed messages and gives tenant and number of those that had failed.
///
/// # Errors
/// The error of the one statement; nothing was changed then.
pub async fn drop_failed(client: &Client, messages: &[(i64, i64)]) -> Result<Vec<(i64, i64)>, Error> {
    let sql = format!("DELETE FROM outbox WHERE failed_at IS NOT NULL AND {NAMED} RETURNING tenant_id, id");
    Names::of(messages).query(client, &sql).await
}
