//! The plan of a rebalance or a drain: which shards move to which node, with their bytes.

use std::collections::{BTreeMap, HashSet};

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node::{self, ClusterNode};
use super::node_connection::NodeConnection;
use super::say::Say;
use super::sizes::{self, Bundles};
use super::{events, jobs, pins, preflight};

/// Citus refuses moves that would leave less than this share of the target's disk free.
const MIN_FREE_SHARE: f64 = 0.1;

/// The plan of a rebalance or a drain.
pub struct MovePlan {
    /// The worker to drain; none for a rebalance.
    draining: Option<HostPort>,
    /// For each source and target the number of moves and their bytes.
    pub between: Between,
    /// For each node the bytes of distributed tables before and after.
    pub bytes: Vec<(HostPort, i64, i64)>,
    /// Sentences for the operator.
    pub remarks: Vec<String>,
}

impl MovePlan {
    /// The number of moves.
    pub fn count(&self) -> usize {
        self.between.values().map(|(count, _)| count).sum()
    }

    /// The bytes of all moves.
    pub fn total(&self) -> i64 {
        self.between.values().map(|(_, bytes)| bytes).sum()
    }

    /// The worker to drain, if the plan is a drain.
    pub fn draining(&self) -> Option<&HostPort> {
        self.draining.as_ref()
    }

    /// Whether the plan is a drain, which marks the worker even when no shard has to move.
    pub fn drains(&self) -> bool {
        self.draining.is_some()
    }

    /// Starts a background job and returns its number; none when no shard had to move.
    ///
    /// # Errors
    /// When the coordinator does not answer or refuses.
    pub async fn start(&self, coordinator: &NodeConnection) -> Result<Option<i64>, ClusterError> {
        let (command, detail) = match &self.draining {
            Some(address) => ("drain", address.to_string()),
            None => ("rebalance", format!("{} moves", self.count())),
        };
        let event = events::begin(coordinator, command, &detail).await?;
        let started = async {
            if let Some(address) = &self.draining {
                set_takes_shards(coordinator, address, false).await?;
            }
            jobs::start(coordinator, self.draining.is_some()).await
        }
        .await;
        if let Ok(Some(job)) = started {
            event.job(coordinator, job).await?;
            return Ok(Some(job));
        }
        event.end(coordinator, started).await
    }
}

async fn require_movable(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    jobs::require_none(coordinator).await?;
    node::require_all_alive(coordinator, None).await?;
    preflight::require_safe_commits(coordinator).await?;
    pins::install_strategy(coordinator).await?;
    pins::follow_moved_shards(coordinator).await?;
    // Leftovers of earlier moves block moves of the same shards.
    let _ = coordinator.run("cleaning up after moves", "CALL citus_cleanup_orphaned_resources()").await;
    Ok(())
}

/// Plans a rebalance.
///
/// # Errors
/// When a job runs, when a node does not answer, or when a node's commits are unsafe.
pub async fn plan_rebalance(coordinator: &NodeConnection) -> Result<MovePlan, ClusterError> {
    require_movable(coordinator).await?;
    let nodes = node::list(coordinator).await?;
    let bundles = sizes::bundles(coordinator).await?;
    let mut moves = plan_moves(coordinator, &nodes, &bundles, false).await?;
    if moves.count() == 0 {
        moves.remarks.extend(imbalance(&nodes, &bundles));
    }
    Ok(moves)
}

/// Plans moving all shards away from a worker.
///
/// # Errors
/// As [`plan_rebalance`], and when no other worker takes shards or has enough free disk space.
pub async fn plan_drain(coordinator: &NodeConnection, address: &HostPort) -> Result<MovePlan, ClusterError> {
    require_movable(coordinator).await?;
    let node = node::worker(coordinator, address).await?;
    let nodes = node::list(coordinator).await?;
    if !nodes.iter().any(|other| other.takes_shards && other.group != node.group) {
        return obstacle(format!("no other node takes shards; add a worker before {address} is drained"));
    }
    let bundles = sizes::bundles(coordinator).await?;
    // Citus plans a drain only while the node is marked. The rollback removes the mark: this only plans.
    coordinator.run("beginning", "BEGIN").await?;
    let planned = async {
        set_takes_shards(coordinator, address, false).await?;
        plan_moves(coordinator, &nodes, &bundles, true).await
    }
    .await;
    coordinator.run("rolling back", "ROLLBACK").await?;
    let mut moves = planned?;
    require_disk_space(coordinator, &moves).await?;
    moves.draining = Some(address.clone());
    moves.remarks.push(format!(
        "{address} takes no shards from now on; `pigeonhole cluster drain --undo {address}` takes that back"
    ));
    Ok(moves)
}

/// Allows shards on a drained worker again. Stops the running job first.
///
/// # Errors
/// When the job does not stop, or when the coordinator does not answer or refuses.
pub async fn undrain(
    coordinator: &NodeConnection,
    address: &HostPort,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    let node = node::worker(coordinator, address).await?;
    if let Some(job) = jobs::running_job(coordinator).await? {
        jobs::stop_job(coordinator, &job, say).await?;
    }
    let event = events::begin(coordinator, "drain --undo", &node.address.to_string()).await?;
    let result = set_takes_shards(coordinator, address, true).await;
    event.end(coordinator, result).await
}

async fn set_takes_shards(
    coordinator: &NodeConnection,
    address: &HostPort,
    takes: bool,
) -> Result<(), ClusterError> {
    let call = "SELECT citus_set_node_property($1, $2, 'shouldhaveshards', $3)";
    coordinator
        .rows("letting shards be placed or not", call, &[&address.host(), &address.port(), &takes])
        .await
        .map(|_| ())
}

async fn plan_moves(
    coordinator: &NodeConnection,
    nodes: &[ClusterNode],
    bundles: &Bundles,
    drain_only: bool,
) -> Result<MovePlan, ClusterError> {
    let sql = format!(
        "SELECT shardid, sourcename, sourceport, targetname, targetport
         FROM get_rebalance_table_shards_plan(drain_only := {drain_only}, rebalance_strategy := '{}')",
        pins::STRATEGY
    );
    let mut between = Between::new();
    let mut counted = HashSet::new();
    let address = |name: &str, port: i32| HostPort::new(name, u16::try_from(port).unwrap_or_default());
    for row in coordinator.rows("planning the moves", &sql, &[]).await? {
        let shard: i64 = row.get(0);
        let Some(bundle) = bundles.bundle(shard) else { continue };
        let pair = (address(row.get(1), row.get(2)), address(row.get(3), row.get(4)));
        // The plan has a row for each shard of a bundle.
        if counted.insert((bundle.clone(), pair.clone())) {
            let entry = between.entry(pair).or_default();
            entry.0 += 1;
            entry.1 += bundles.bytes_with(shard);
        }
    }
    let bytes = bytes_after(nodes, bundles, &between);
    Ok(MovePlan { draining: None, between, bytes, remarks: Vec::new() })
}

type Between = BTreeMap<(HostPort, HostPort), (usize, i64)>;

/// Each node with its bytes now and after the moves.
fn bytes_after(nodes: &[ClusterNode], bundles: &Bundles, between: &Between) -> Vec<(HostPort, i64, i64)> {
    nodes
        .iter()
        .filter(|node| node.group != 0 || bundles.bytes_on(0) > 0)
        .map(|node| {
            let now = bundles.bytes_on(node.group);
            let change: i64 = between
                .iter()
                .map(|((from, to), (_, bytes))| {
                    i64::from(*to == node.address) * bytes - i64::from(*from == node.address) * bytes
                })
                .sum();
            (node.address.clone(), now, now + change)
        })
        .collect()
}

/// A remark when no move helps although one worker holds much more than another. Then a single bundle is that
/// large, and only isolating its tenants can split it.
fn imbalance(nodes: &[ClusterNode], bundles: &Bundles) -> Option<String> {
    let takers = || nodes.iter().filter(|node| node.takes_shards && node.group != 0);
    let fullest = takers().max_by_key(|node| bundles.bytes_on(node.group))?;
    let emptiest = takers().min_by_key(|node| bundles.bytes_on(node.group))?;
    let (most, least) = (bundles.bytes_on(fullest.group), bundles.bytes_on(emptiest.group));
    (most > 2 * least && most - least > 100 << 20).then(|| {
        format!(
            "{} holds {} times as much as {} and still no single move helps: see the tenants in `pigeonhole \
             cluster status` and isolate the largest",
            fullest.address,
            most / least.max(1),
            emptiest.address
        )
    })
}

/// Refuses when a target's disk is too small for the plan.
async fn require_disk_space(coordinator: &NodeConnection, moves: &MovePlan) -> Result<(), ClusterError> {
    for (address, now, after) in &moves.bytes {
        let more = after - now;
        if more <= 0 {
            continue;
        }
        let connection = NodeConnection::node(coordinator.config(), address).await?;
        let sql = "SELECT available_disk_size, total_disk_size FROM citus_local_disk_space_stats()";
        let rows = connection.rows_within(node::ALIVE_TIMEOUT, "looking at the disk", sql, &[]).await?;
        let Some(row) = rows.first() else { continue };
        let (free, total): (i64, i64) = (row.get(0), row.get(1));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "bytes of a disk, roughly"
        )]
        let kept = (total as f64 * MIN_FREE_SHARE) as i64;
        if free - more < kept {
            return obstacle(format!(
                "{address} would get {} MB and has {} MB free, of which {} MB stay free; add a worker or \
                 disk first",
                more >> 20,
                free >> 20,
                kept >> 20
            ));
        }
    }
    Ok(())
}
