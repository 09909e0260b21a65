//! The moves of one job: Citus' tasks, with what the nodes and this process know about them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::lines::{JobLine, JobMoves, ShardMove};
use crate::cluster::sizes::{BundleKey, Bundles};
use crate::monitor::move_history::{MoveHistory, TaskObservation};
use crate::monitor::nodes::{MissingNode, NodeList};

/// The columns that [`BackgroundTask::from_row`] reads.
pub(super) const TASKS: &str = "
    SELECT task_id, status::text AS status,
           substring(command FROM 'citus_move_shard_placement\\((\\d+)')::bigint AS shard,
           substring(command FROM 'citus_move_shard_placement\\(\\d+, *(\\d+)')::integer AS from_node,
           substring(command FROM 'citus_move_shard_placement\\(\\d+, *\\d+, *(\\d+)')::integer AS to_node,
           left(regexp_replace(command, '\\s+', ' ', 'g'), 160) AS command,
           coalesce(retry_count, 0) AS retries,
           CASE WHEN not_before > now() THEN not_before END AS again_at,
           left(regexp_replace(coalesce(message, ''), '\\s+', ' ', 'g'), 400) AS message,
           coalesce(nodes_involved, '{}') AS nodes, a.backend_start AS running_since, now() AS now
    FROM pg_dist_background_task t
    LEFT JOIN pg_stat_activity a ON a.pid = t.pid AND t.status::text IN ('running', 'cancelling')
    WHERE job_id = $1 ORDER BY task_id LIMIT $2";
/// The rows that [`Phases::of`] reads.
pub(super) const PROGRESS: &str = "
    SELECT shardid, coalesce(target_shard_size, 0), coalesce(status, '?'),
           greatest(source_lsn - target_lsn, 0)::bigint
    FROM get_rebalance_progress() WHERE progress = 1";

/// A row of pg_dist_background_task.
pub(super) struct BackgroundTask {
    id: i64,
    status: String,
    shard: Option<i64>,
    from_node: Option<i32>,
    to_node: Option<i32>,
    command: String,
    retries: i32,
    again_at: Option<DateTime<Utc>>,
    message: String,
    nodes: Vec<i32>,
    running_since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl BackgroundTask {
    /// Reads a row of [`TASKS`].
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("task_id"),
            status: row.get("status"),
            shard: row.get("shard"),
            from_node: row.get("from_node"),
            to_node: row.get("to_node"),
            command: row.get("command"),
            retries: row.get("retries"),
            again_at: row.get("again_at"),
            message: row.get("message"),
            nodes: row.get("nodes"),
            running_since: row.get("running_since"),
            now: row.get("now"),
        }
    }

    fn is_unfinished(&self) -> bool {
        ["blocked", "runnable", "running", "cancelling"].contains(&self.status.as_str())
    }

    fn describe(&self) -> String {
        match self.shard {
            Some(shard) => format!("shard {shard}"),
            None if self.command.contains("replicate_reference_tables") => "reference tables".to_owned(),
            None => self.command.clone(),
        }
    }
}

/// What a running move does.
struct Phase {
    copied: i64,
    name: String,
    lag: Option<i64>,
}

/// The phases by bundle; none when Citus could not report them.
pub(super) struct Phases(Option<HashMap<BundleKey, Phase>>);

impl Phases {
    /// Sums up the rows of [`PROGRESS`], which has one for each shard of a bundle.
    pub(super) fn of(rows: Option<Vec<Row>>, bundles: &Bundles) -> Self {
        Self(rows.map(|rows| {
            let mut phases: HashMap<BundleKey, Phase> = HashMap::new();
            for row in &rows {
                let Some(bundle) = bundles.bundle(row.get(0)) else { continue };
                let phase = phases.entry(bundle.clone()).or_insert_with(|| Phase {
                    copied: 0,
                    name: row.get(2),
                    lag: None,
                });
                phase.copied += row.get::<_, i64>(1);
                phase.lag = phase.lag.max(row.get(3));
            }
            phases
        }))
    }

    fn are_known(&self) -> bool {
        self.0.is_some()
    }

    fn get(&self, bundle: &BundleKey) -> Option<&Phase> {
        self.0.as_ref()?.get(bundle)
    }
}

/// What [`MoveContext::moves`] combines with the tasks.
pub(super) struct MoveContext<'a> {
    pub cluster: &'a NodeList,
    pub bundles: &'a Bundles,
    pub phases: &'a Phases,
    pub history: &'a MoveHistory,
    pub missing: &'a [MissingNode],
}

impl MoveContext<'_> {
    /// The moves of a job. Also adds the tasks to the history.
    pub(super) fn moves(&self, job: JobLine, tasks: Vec<BackgroundTask>) -> JobMoves {
        let mut moves = JobMoves {
            job,
            tasks: Vec::new(),
            bytes: (0, 0),
            stuck: Vec::new(),
            phases_known: self.phases.are_known(),
        };
        for task in tasks {
            self.history.observe(&TaskObservation {
                task: task.id,
                status: &task.status,
                running_since: task.running_since,
                now: task.now,
            });
            for address in self.unreachable_nodes(&task) {
                if !moves.stuck.contains(&address) {
                    moves.stuck.push(address);
                }
            }
            let shard_move = self.shard_move(task);
            moves.bytes.0 += shard_move.copied;
            moves.bytes.1 += shard_move.bytes;
            moves.tasks.push(shard_move);
        }
        moves
    }

    /// The nodes of an unfinished task that do not answer.
    fn unreachable_nodes(&self, task: &BackgroundTask) -> Vec<String> {
        if !task.is_unfinished() {
            return Vec::new();
        }
        let addresses = task.nodes.iter().map(|id| self.address(*id));
        addresses.filter(|address| self.missing.iter().any(|missing| missing.node == *address)).collect()
    }

    fn shard_move(&self, task: BackgroundTask) -> ShardMove {
        let bytes = task.shard.map_or(0, |shard| self.bundles.bytes_with(shard));
        let bundle = task.shard.and_then(|shard| self.bundles.bundle(shard));
        let phase = bundle.filter(|_| task.status == "running").and_then(|bundle| self.phases.get(bundle));
        let copied = match (task.status.as_str(), phase) {
            ("done", _) => bytes,
            (_, Some(phase)) => phase.copied.min(bytes),
            _ => 0,
        };
        let address = |id: Option<i32>| id.map_or_else(String::new, |id| self.address(id));
        ShardMove {
            what: task.describe(),
            from: address(task.from_node),
            to: address(task.to_node),
            phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
            lag: phase.and_then(|phase| phase.lag),
            bytes,
            copied,
            retries: task.retries,
            again_at: task.again_at.filter(|_| task.status == "runnable"),
            message: if task.status == "done" { String::new() } else { task.message },
            ran: self.history.of(task.id),
            task: task.id,
            shard: task.shard,
            status: task.status,
        }
    }

    /// host:port of the node with this id, or the id when the node is gone.
    fn address(&self, id: i32) -> String {
        let node = self.cluster.nodes.iter().find(|node| node.id == id);
        node.map_or_else(|| format!("node {id}"), |node| node.address.to_string())
    }
}
