//! What is kept so that a day and two weeks can be seen. Any number of processes may do so: what they write
//! of a minute adds up.

use std::sync::Arc;
use std::time::Duration;

use chrono::Timelike;

use super::nodes::Nodes;
use super::statements::{self, StatementStats};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::db::{Database, TenantLoad};

const EVERY: Duration = Duration::from_secs(60);
/// Tenants that are kept of a minute.
const MOST_TENANTS: usize = 100;

const KEEP: &str = "
    INSERT INTO operator.tenant_samples AS kept (at, tenant, statements, seconds)
    SELECT date_trunc('minute', now()), * FROM unnest($1::bigint[], $2::bigint[], $3::float8[])
    ON CONFLICT (at, tenant) DO UPDATE
    SET statements = kept.statements + excluded.statements, seconds = kept.seconds + excluded.seconds";
const KEEP_STATEMENTS: &str = "
    INSERT INTO operator.statement_samples (at, statement, calls, total_ms, rows)
    SELECT date_trunc('hour', now()), * FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::bigint[])
    ON CONFLICT DO NOTHING";
const FORGET_STATEMENTS: &str =
    "DELETE FROM operator.statement_samples WHERE at < now() - interval '14 days'";
const FORGET: &str = "DELETE FROM operator.tenant_samples WHERE at < now() - interval '14 days'";

/// Samples until it is aborted.
pub async fn sample_forever(nodes: Arc<Nodes>, database: Database) {
    database.loads().begin();
    loop {
        // At the end of a minute, so that processes that sample together name the same one.
        let past = chrono::Utc::now().timestamp_millis().rem_euclid(60_000);
        tokio::time::sleep(EVERY - Duration::from_millis(u64::try_from(past).unwrap_or_default())).await;
        let mut loads = database.loads().take();
        loads.truncate(MOST_TENANTS);
        if let Err(error) = nodes.ask_coordinator(async |connection| keep(connection, &loads).await).await {
            log::debug!("no sample was kept: {error}");
        }
        if chrono::Utc::now().minute() == 0
            && let Err(error) = sample_statements(&nodes).await
        {
            log::debug!("no sample of statements was kept: {error}");
        }
    }
}

async fn sample_statements(nodes: &Nodes) -> Result<(), ClusterError> {
    let counted = statements::counted(nodes).await?;
    nodes.ask_coordinator(async |connection| keep_statements(connection, &counted).await).await
}

async fn keep_statements(
    coordinator: &NodeConnection,
    counted: &[StatementStats],
) -> Result<(), ClusterError> {
    let names: Vec<i64> = counted.iter().map(|statement| statements::name_of(&statement.text)).collect();
    let calls: Vec<i64> = counted.iter().map(|statement| statement.calls).collect();
    let total_ms: Vec<f64> = counted.iter().map(|statement| statement.total_ms).collect();
    let rows: Vec<i64> = counted.iter().map(|statement| statement.rows).collect();
    writing(coordinator, async {
        coordinator.rows("keeping samples", KEEP_STATEMENTS, &[&names, &calls, &total_ms, &rows]).await?;
        coordinator.run("forgetting samples", FORGET_STATEMENTS).await
    })
    .await
}

/// Runs `work` in a transaction that may write.
async fn writing(
    coordinator: &NodeConnection,
    work: impl Future<Output = Result<(), ClusterError>>,
) -> Result<(), ClusterError> {
    coordinator.run("beginning", "BEGIN READ WRITE").await?;
    let done = work.await;
    coordinator.run("ending", if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

async fn keep(coordinator: &NodeConnection, loads: &[TenantLoad]) -> Result<(), ClusterError> {
    let tenants: Vec<i64> = loads.iter().map(|load| load.tenant).collect();
    let statements: Vec<i64> =
        loads.iter().map(|load| i64::try_from(load.statements).unwrap_or(i64::MAX)).collect();
    let seconds: Vec<f64> = loads.iter().map(|load| load.seconds).collect();
    writing(coordinator, async {
        coordinator.rows("keeping samples", KEEP, &[&tenants, &statements, &seconds]).await?;
        coordinator.run("forgetting samples", FORGET).await?;
        // What jobs have done since is written into the list of events, also where the command that began
        // them is gone.
        crate::cluster::events::close_job_events(coordinator).await
    })
    .await
}
