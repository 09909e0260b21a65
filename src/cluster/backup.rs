//! A point in time to which all nodes can be restored together. Citus 13 names one on every node, but lets a
//! worker commit a distributed transaction of its own in between; so each worker's commits are held here for
//! that moment. Citus 14 holds them itself, and would wait for us.

use std::time::{Duration, Instant};

use super::error::{ClusterError, obstacle};
use super::node;
use super::node_connection::NodeConnection;
use super::{Say, events};
use crate::db::versions::Citus;

/// Distributed commits wait for no longer than this.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A restore point on every node.
pub struct BackupPoint {
    /// Its name, for recovery_target_name.
    pub name: String,
    /// Each node with its log position, which recovery must reach.
    pub positions: Vec<(String, String)>,
    /// How long distributed commits waited.
    pub held: Duration,
}

/// Makes the restore point `name` on all nodes.
///
/// # Errors
/// What stood in the way; a point that exists on some nodes only is not reported and does no harm.
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
    let made = make(coordinator, name, say).await;
    event.end(coordinator, made).await
}

async fn make(coordinator: &NodeConnection, name: &str, say: Say<'_>) -> Result<BackupPoint, ClusterError> {
    let mut workers = Vec::new();
    for node in node::list(coordinator).await?.iter().filter(|node| node.group != 0) {
        workers.push(NodeConnection::node(coordinator.config(), &node.address).await?);
    }
    for connection in workers.iter().chain(std::iter::once(coordinator)) {
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
    }
    let started = Instant::now();
    // Ending the sessions lets go of the locks, however this function ends; a dropped session may take a
    // moment.
    let made = hold_and_name(coordinator, &workers, name).await;
    let released = futures_util::future::join_all(
        workers.iter().map(|worker| worker.run_within(TIMEOUT, "letting commits go on", "ROLLBACK")),
    )
    .await;
    let held = started.elapsed();
    released.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(BackupPoint { name: name.to_owned(), positions: made?, held })
}

async fn hold_and_name(
    coordinator: &NodeConnection,
    workers: &[NodeConnection],
    name: &str,
) -> Result<Vec<(String, String)>, ClusterError> {
    // What counts is the library that the server has loaded, which during an upgrade is newer than the
    // extension.
    let version: String =
        coordinator.row("looking at the version", "SELECT citus_version()", &[]).await?.get(0);
    let citus = version.strip_prefix("Citus ").and_then(Citus::parse);
    let to_hold: &[NodeConnection] =
        if citus.is_some_and(Citus::holds_commits_for_restore_points) { &[] } else { workers };
    for worker in to_hold {
        worker.run_within(TIMEOUT, "holding distributed commits", "BEGIN").await?;
        worker
            .run_within(
                TIMEOUT,
                "holding distributed commits",
                "LOCK TABLE pg_dist_transaction, pg_dist_partition IN EXCLUSIVE MODE",
            )
            .await?;
    }
    let position: String = coordinator
        .row_within(
            TIMEOUT,
            "making the restore point",
            "SELECT citus_create_restore_point($1)::text",
            &[&name],
        )
        .await?
        .get(0);
    let mut positions = vec![(coordinator.name().to_owned(), position)];
    for worker in workers {
        let now: String = worker
            .row_within(TIMEOUT, "reading the log's position", "SELECT pg_current_wal_lsn()::text", &[])
            .await?
            .get(0);
        positions.push((worker.name().to_owned(), now));
    }
    Ok(positions)
}
