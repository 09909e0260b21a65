//! Adding a worker to the cluster, and removing one.

use std::time::Duration;

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node::{self, ClusterNode};
use super::node_connection::NodeConnection;
use super::preflight::{self, PreflightReport};
use super::registration::register;
use super::say::Say;
use super::{events, groups, jobs, patroni, pins, roles};

/// The plan of adding a worker.
pub struct WorkerAddition {
    address: HostPort,
    connection: NodeConnection,
    report: PreflightReport,
    /// The group number it will get; none when it is a worker already.
    group: Option<i32>,
}

/// Checks a server that should become a worker.
///
/// # Errors
/// When the server is not fit, when a node does not answer, or when Patroni manages the nodes.
pub async fn plan_add(
    coordinator: &NodeConnection,
    address: &HostPort,
    say: Say<'_>,
) -> Result<WorkerAddition, ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    patroni::require_unmanaged(coordinator).await?;
    let coordinator_report = preflight::check(coordinator).await?;
    let connection = NodeConnection::node(coordinator.config(), address).await?;
    let mut report = preflight::check(&connection).await?;
    report.compare(&coordinator_report);
    report.lines().iter().for_each(|line| say(line));
    preflight::require_fit(std::iter::once(&report))?;
    let known = node::list(coordinator).await?.into_iter().find(|node| node.address == *address);
    node::require_all_alive(coordinator, None).await?;
    let group = if known.is_some() { None } else { Some(groups::next_free(coordinator).await?) };
    Ok(WorkerAddition { address: address.clone(), connection, report, group })
}

impl WorkerAddition {
    /// One sentence for the operator.
    pub fn describe(&self) -> String {
        match self.group {
            Some(group) => format!(
                "{} becomes a worker with group number {group}; no shard moves there before a rebalance",
                self.address
            ),
            None => format!("{} is a worker already; its settings and roles are checked again", self.address),
        }
    }

    /// Adds the worker, or completes one that was added before.
    ///
    /// # Errors
    /// When a step fails. The worker is then not added, or a second run completes it.
    pub async fn run(self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let event = events::begin(coordinator, "add-worker", &self.address.to_string()).await?;
        let added = async {
            preflight::prepare(&self.connection, &self.report).await?;
            register(coordinator, &self.address, &self.connection, say).await?;
            for done in roles::copy(coordinator, &self.connection).await? {
                say(&format!("{}: {done}, as on the coordinator", self.address));
            }
            // Adding a drained worker again undoes the draining.
            let call = "SELECT citus_set_node_property($1, $2, 'shouldhaveshards', true)";
            coordinator
                .rows("letting shards be placed", call, &[&self.address.host(), &self.address.port()])
                .await
                .map(|_| ())
        }
        .await;
        event.end(coordinator, added).await
    }
}

/// Together a minute.
const CLEAN_UP_ATTEMPTS: u32 = 60;
const CLEAN_UP_PAUSE: Duration = Duration::from_secs(1);

/// The plan of removing a worker.
pub struct WorkerRemoval {
    node: ClusterNode,
}

/// Checks that a worker can be removed.
///
/// # Errors
/// When it holds shards, when a job runs, when another node does not answer, or when Patroni manages the
/// nodes.
pub async fn plan_remove(
    coordinator: &NodeConnection,
    address: &HostPort,
) -> Result<WorkerRemoval, ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    patroni::require_unmanaged(coordinator).await?;
    let node = node::worker(coordinator, address).await?;
    jobs::require_none(coordinator).await?;
    let sql = "SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
               JOIN pg_dist_partition t USING (logicalrelid) WHERE p.groupid = $1 AND t.partmethod <> 'n'";
    let shards: i64 = coordinator.row("counting its shards", sql, &[&node.group]).await?.get(0);
    if shards > 0 {
        return obstacle(format!(
            "{address} still holds {shards} shards; run `pigeonhole cluster drain {address}` first"
        ));
    }
    node::require_all_alive(coordinator, Some(address)).await?;
    Ok(WorkerRemoval { node })
}

impl WorkerRemoval {
    /// One sentence for the operator.
    pub fn describe(&self) -> String {
        format!(
            "{} holds no shards and leaves the cluster; its group number {} is not given out again",
            self.node.address, self.node.group
        )
    }

    /// Cleans up what moves left on the node, and removes it.
    ///
    /// # Errors
    /// When a step fails. The node is then still a member.
    pub async fn run(self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let event = events::begin(coordinator, "remove-worker", &self.node.address.to_string()).await?;
        let removed = self.remove(coordinator, say).await;
        event.end(coordinator, removed).await
    }

    async fn remove(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        self.clean_up(coordinator, say).await?;
        pins::follow_moved_shards(coordinator).await?;
        let address = &self.node.address;
        coordinator.run("beginning", "BEGIN").await?;
        let removed = async {
            groups::mark_removed(coordinator, self.node.group).await?;
            coordinator
                .rows(
                    "removing the node",
                    "SELECT citus_remove_node($1, $2)",
                    &[&address.host(), &address.port()],
                )
                .await?;
            coordinator.run("committing", "COMMIT").await
        }
        .await;
        if removed.is_err() {
            let _ = coordinator.run("rolling back", "ROLLBACK").await;
        }
        removed?;
        say(&format!(
            "{address}: removed. That server keeps its old metadata: on it, DROP EXTENSION citus \
             CASCADE or drop the database"
        ));
        Ok(())
    }

    /// Once the node is removed, leftovers of a move on it would block every later move of the same shard.
    async fn clean_up(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        for attempt in 0..CLEAN_UP_ATTEMPTS {
            coordinator.run("cleaning up after moves", "CALL citus_cleanup_orphaned_resources()").await?;
            coordinator.rows("ending transactions", "SELECT recover_prepared_transactions()", &[]).await?;
            let sql = "SELECT (SELECT count(*) FROM pg_dist_cleanup WHERE node_group_id = $1),
                              (SELECT count(*) FROM pg_dist_transaction WHERE groupid = $1)";
            let row = coordinator.row("counting what is left", sql, &[&self.node.group]).await?;
            let (leftovers, transactions): (i64, i64) = (row.get(0), row.get(1));
            if leftovers + transactions == 0 {
                return Ok(());
            }
            if attempt % 5 == 0 {
                say(&format!(
                    "waiting until {leftovers} leftovers of moves and {transactions} transactions on it are \
                     cleaned up"
                ));
            }
            tokio::time::sleep(CLEAN_UP_PAUSE).await;
        }
        obstacle(
            "leftovers of moves on this node could not be cleaned up within a minute; is it running? It \
             must be, to be removed cleanly",
        )
    }
}
