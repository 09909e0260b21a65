//! A restore point: a point in time to which all nodes can be restored together. Citus 13 creates it on every
//! node, but a worker may commit a distributed transaction of its own in between. Therefore this program
//! blocks the workers' distributed commits for that moment. Citus 14 blocks them itself, and our locks would
//! make it wait for us.

use std::time::{Duration, Instant};

use super::error::{ClusterError, obstacle};
use super::events;
use super::node;
use super::node_connection::NodeConnection;
use super::say::Say;
use crate::db::versions::Citus;

/// The longest time for which distributed commits are blocked.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A restore point on every node.
pub struct BackupPoint {
    /// For recovery_target_name.
    pub name: String,
    /// Each node with the WAL position (LSN) that recovery must reach.
    pub positions: Vec<(String, String)>,
    /// How long distributed commits were blocked.
    pub held: Duration,
}

/// Creates the restore point `name` (1 to 63 bytes) on all nodes.
///
/// # Errors
/// When a node does not answer or refuses. Some nodes may then have the restore point, which does no harm.
pub async fn backup_point(
    coordinator: &NodeConnection,
    name: &str,
    say: Say<'_>,
) -> Result<BackupPoint, ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    if name.is_empty() || name.len() > 63 || name.chars().any(char::is_control) {
        return obstacle("the name of a restore point has 1 to 63 bytes");
    }
    node::require_all_alive(coordinator, None).await?;
    let event = events::begin(coordinator, "backup-point", name).await?;
    let created = create(coordinator, name, say).await;
    event.end(coordinator, created).await
}

async fn create(coordinator: &NodeConnection, name: &str, say: Say<'_>) -> Result<BackupPoint, ClusterError> {
    let mut workers = Vec::new();
    for node in node::list(coordinator).await?.iter().filter(|node| node.group != 0) {
        workers.push(NodeConnection::node(coordinator.config(), &node.address).await?);
    }
    for connection in workers.iter().chain(std::iter::once(coordinator)) {
        warn_of_prepared(connection, say).await?;
    }
    let started = Instant::now();
    let positions = block_and_create(coordinator, &workers, name).await;
    // Closing the connections would release the locks too, but a server may notice that only later.
    let released = futures_util::future::join_all(
        workers.iter().map(|worker| worker.run_within(TIMEOUT, "letting commits go on", "ROLLBACK")),
    )
    .await;
    let held = started.elapsed();
    released.into_iter().collect::<Result<Vec<_>, _>>()?;
    let positions = positions?;
    for connection in workers.iter().chain(std::iter::once(coordinator)) {
        archive(connection, say).await?;
    }
    Ok(BackupPoint { name: name.to_owned(), positions, held })
}

/// Lets the node archive the segment of its log that has the point. Otherwise the archive gets the segment
/// when it is full, which takes hours on a quiet node, and a node that is lost before cannot be restored to
/// the point.
async fn archive(connection: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
    let sql = "SELECT CASE WHEN current_setting('archive_mode') <> 'off' THEN pg_switch_wal() END IS NULL";
    let off: bool = connection.row("archiving the log", sql, &[]).await?.get(0);
    if off {
        say(&format!(
            "{}: archive_mode is off; the point is of use only if the log is kept in another way",
            connection.name()
        ));
    }
    Ok(())
}

async fn warn_of_prepared(connection: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
    let sql = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database() \
        AND prepared < now() - interval '1 minute'";
    let stuck: i64 = connection.row("looking for prepared transactions", sql, &[]).await?.get(0);
    if stuck > 0 {
        say(&format!(
            "{}: {stuck} prepared transactions are older than a minute and will be open in the restored \
             cluster",
            connection.name()
        ));
    }
    Ok(())
}

/// Returns each node's WAL position. The caller releases the locks with ROLLBACK.
async fn block_and_create(
    coordinator: &NodeConnection,
    workers: &[NodeConnection],
    name: &str,
) -> Result<Vec<(String, String)>, ClusterError> {
    // The loaded library decides, and during an upgrade it is newer than the extension in the database.
    let version: String =
        coordinator.row("looking at the version", "SELECT citus_version()", &[]).await?.get(0);
    let citus = version.strip_prefix("Citus ").and_then(Citus::parse);
    let to_block: &[NodeConnection] =
        if citus.is_some_and(Citus::holds_commits_for_restore_points) { &[] } else { workers };
    for worker in to_block {
        let lock = "LOCK TABLE pg_dist_transaction, pg_dist_partition IN EXCLUSIVE MODE";
        worker.run_within(TIMEOUT, "holding distributed commits", "BEGIN").await?;
        worker.run_within(TIMEOUT, "holding distributed commits", lock).await?;
    }
    let create = "SELECT citus_create_restore_point($1)::text";
    let row = coordinator.row_within(TIMEOUT, "making the restore point", create, &[&name]).await?;
    let mut positions = vec![(coordinator.name().to_owned(), row.get(0))];
    for worker in workers {
        let position = "SELECT pg_current_wal_lsn()::text";
        let row = worker.row_within(TIMEOUT, "reading the log's position", position, &[]).await?;
        positions.push((worker.name().to_owned(), row.get(0)));
    }
    Ok(positions)
}
