//! Samples of the tenants' load and of the statements' statistics, kept for 14 days. Any number of processes
//! may sample: their loads of a minute are added up.

use std::sync::Arc;
use std::time::Duration;

use chrono::Timelike;

use super::nodes::Nodes;
use super::statements::{self, StatementStats};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::db::{Database, TenantLoad};

const INTERVAL: Duration = Duration::from_secs(60);
/// How many tenants are kept of each minute, the busiest first.
const MOST_TENANTS: usize = 100;

const ADD_LOADS: &str = "
    INSERT INTO operator.tenant_samples AS kept (at, tenant, statements, seconds)
    SELECT date_trunc('minute', now()), * FROM unnest($1::bigint[], $2::bigint[], $3::float8[])
    ON CONFLICT (at, tenant) DO UPDATE
    SET statements = kept.statements + excluded.statements, seconds = kept.seconds + excluded.seconds";
const ADD_STATEMENTS: &str = "
    INSERT INTO operator.statement_samples (at, statement, calls, total_ms, rows)
    SELECT date_trunc('hour', now()), * FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::bigint[])
    ON CONFLICT DO NOTHING";
const DELETE_OLD_STATEMENTS: &str =
    "DELETE FROM operator.statement_samples WHERE at < now() - interval '14 days'";
const DELETE_OLD_LOADS: &str = "DELETE FROM operator.tenant_samples WHERE at < now() - interval '14 days'";

/// Writes a sample at the end of each minute, and of statements at the start of each hour. Runs until
/// aborted.
pub async fn sample_forever(nodes: Arc<Nodes>, database: Database) {
    database.loads().start();
    loop {
        // At the end of a minute, so that all processes write to the same one.
        let past = chrono::Utc::now().timestamp_millis().rem_euclid(60_000);
        tokio::time::sleep(INTERVAL - Duration::from_millis(u64::try_from(past).unwrap_or_default())).await;
        let mut loads = database.loads().take();
        loads.truncate(MOST_TENANTS);
        if let Err(error) =
            nodes.ask_coordinator(async |connection| write_loads(connection, &loads).await).await
        {
            log::debug!("no sample of the loads was written: {error}");
        }
        if chrono::Utc::now().minute() == 0
            && let Err(error) = sample_statements(&nodes).await
        {
            log::debug!("no sample of the statements was written: {error}");
        }
    }
}

async fn sample_statements(nodes: &Nodes) -> Result<(), ClusterError> {
    let counted = statements::counted(nodes).await?;
    nodes.ask_coordinator(async |connection| write_statements(connection, &counted).await).await
}

async fn write_statements(
    coordinator: &NodeConnection,
    counted: &[StatementStats],
) -> Result<(), ClusterError> {
    let hashes: Vec<i64> = counted.iter().map(|statement| statements::hash_of(&statement.text)).collect();
    let calls: Vec<i64> = counted.iter().map(|statement| statement.calls).collect();
    let total_ms: Vec<f64> = counted.iter().map(|statement| statement.total_ms).collect();
    let rows: Vec<i64> = counted.iter().map(|statement| statement.rows).collect();
    writing(coordinator, async {
        coordinator.rows("keeping samples", ADD_STATEMENTS, &[&hashes, &calls, &total_ms, &rows]).await?;
        coordinator.run("forgetting samples", DELETE_OLD_STATEMENTS).await
    })
    .await
}

/// Runs `work` in a transaction that may write, since the console's connections are read-only.
async fn writing(
    coordinator: &NodeConnection,
    work: impl Future<Output = Result<(), ClusterError>>,
) -> Result<(), ClusterError> {
    coordinator.run("beginning", "BEGIN READ WRITE").await?;
    let result = work.await;
    coordinator.run("ending", if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

async fn write_loads(coordinator: &NodeConnection, loads: &[TenantLoad]) -> Result<(), ClusterError> {
    let tenants: Vec<i64> = loads.iter().map(|load| load.tenant).collect();
    let statements: Vec<i64> =
        loads.iter().map(|load| i64::try_from(load.statements).unwrap_or(i64::MAX)).collect();
    let seconds: Vec<f64> = loads.iter().map(|load| load.seconds).collect();
    writing(coordinator, async {
        coordinator.rows("keeping samples", ADD_LOADS, &[&tenants, &statements, &seconds]).await?;
        coordinator.run("forgetting samples", DELETE_OLD_LOADS).await?;
        // The program that started a job may have ended before it, so the sampler records how jobs ended.
        crate::cluster::events::close_job_events(coordinator).await
    })
    .await
}
