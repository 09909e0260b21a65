//! The progress of a background job in bytes, and whether it is stuck.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio_postgres::Row;

use super::blockers::{self, Blocker};
use super::error::ClusterError;
use super::jobs;
use super::node::{self, NODE_TIMEOUT};
use super::node_connection::NodeConnection;
use super::sizes::{self, BundleKey, Bundles};

/// How long the coordinator may take to answer one poll. The next poll follows within seconds.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often the nodes are asked whether they are alive and what blocks moves.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(4);

/// The state of a job at one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// pg_dist_background_job.state.
    pub state: String,
    /// Moves that are done, and all moves.
    pub moves: (usize, usize),
    /// Bytes that are copied, and all bytes.
    pub bytes: (i64, i64),
    /// What the running moves do.
    pub phases: Vec<String>,
    /// Moves that failed at least once and are not done, with Citus' message.
    pub failed_attempts: Vec<String>,
    /// Nodes of unfinished moves that do not answer.
    pub unreachable: Vec<String>,
    /// Transactions that block moves.
    pub blockers: Vec<Blocker>,
}

impl Progress {
    /// Whether the job has ended.
    pub fn is_over(&self) -> bool {
        ["finished", "cancelled", "failed"].contains(&self.state.as_str())
    }

    /// Whether the job waits for an unreachable node. Citus then still calls it running.
    pub fn is_stuck(&self) -> bool {
        !self.is_over() && !self.unreachable.is_empty()
    }
}

/// Polls one job over connections of its own.
pub struct Follower {
    job: i64,
    connection: NodeConnection,
    bundles: Bundles,
    /// Bytes copied so far, by shard.
    copied: HashMap<i64, i64>,
    liveness_checked: Option<Instant>,
    unreachable: Vec<String>,
    blockers: Vec<Blocker>,
}

const TASKS: &str = "
    SELECT status::text, coalesce(substring(command FROM 'citus_move_shard_placement\\((\\d+)'), '0')::bigint,
           coalesce(retry_count, 0), coalesce(not_before::text, ''), coalesce(message, ''),
           coalesce(nodes_involved, '{}')
    FROM pg_dist_background_task WHERE job_id = $1 ORDER BY task_id";

struct MoveTask {
    status: String,
    /// 0 when the task moves no shard.
    shard: i64,
    retries: i32,
    again_at: String,
    message: String,
    nodes: Vec<i32>,
}

impl MoveTask {
    /// Reads a row of [`TASKS`].
    fn from_row(row: &Row) -> Self {
        Self {
            status: row.get(0),
            shard: row.get(1),
            retries: row.get(2),
            again_at: row.get(3),
            message: row.get(4),
            nodes: row.get(5),
        }
    }

    fn is_unfinished(&self) -> bool {
        ["blocked", "runnable", "running"].contains(&self.status.as_str())
    }

    fn failed_attempt(&self) -> Option<String> {
        let given_up = self.status == "error";
        if !given_up && (self.retries == 0 || self.status == "done") {
            return None;
        }
        let next = if given_up { "given up".to_owned() } else { format!("again at {}", self.again_at) };
        let (shard, attempt, message) = (self.shard, self.retries.max(1), one_line(&self.message));
        Some(format!("shard {shard}: attempt {attempt} failed, {next}: {message}"))
    }
}

impl Follower {
    /// Starts to follow a job.
    ///
    /// # Errors
    /// When the coordinator does not answer.
    pub async fn new(coordinator: &NodeConnection, job: i64) -> Result<Self, ClusterError> {
        let connection = NodeConnection::coordinator(coordinator.config()).await?;
        let bundles = sizes::bundles(&connection).await?;
        Ok(Self {
            job,
            connection,
            bundles,
            copied: HashMap::new(),
            liveness_checked: None,
            unreachable: Vec::new(),
            blockers: Vec::new(),
        })
    }

    /// Reads the job's state once. Reconnects if the connection is lost.
    ///
    /// # Errors
    /// When the coordinator does not answer. The job continues regardless, and the next poll may succeed.
    pub async fn poll(&mut self) -> Result<Progress, ClusterError> {
        if self.connection.run_within(TIMEOUT, "asking", "SELECT 1").await.is_err() {
            self.connection = NodeConnection::coordinator(self.connection.config()).await?;
        }
        let sql = "SELECT state::text FROM pg_dist_background_job WHERE job_id = $1";
        let state: String =
            self.connection.row_within(TIMEOUT, "looking at the job", sql, &[&self.job]).await?.get(0);
        let rows = self.connection.rows_within(TIMEOUT, "looking at the moves", TASKS, &[&self.job]).await?;
        let phases = if state == "running" { self.phases().await } else { Vec::new() };
        let mut progress = Progress { state, phases, ..Progress::default() };
        let mut involved: Vec<i32> = Vec::new();
        for task in rows.iter().map(MoveTask::from_row) {
            self.add(&mut progress, &task);
            if task.is_unfinished() {
                involved.extend(task.nodes);
            }
        }
        if !progress.is_over() {
            self.check_nodes(&involved).await;
            progress.unreachable.clone_from(&self.unreachable);
            progress.blockers.clone_from(&self.blockers);
        }
        Ok(progress)
    }

    fn add(&self, progress: &mut Progress, task: &MoveTask) {
        if task.shard != 0 {
            let all = self.bundles.bytes_with(task.shard);
            let done = task.status == "done";
            let copied = self.copied.get(&task.shard).copied().unwrap_or_default().min(all);
            progress.moves.0 += usize::from(done);
            progress.moves.1 += 1;
            progress.bytes.0 += if done { all } else { copied };
            progress.bytes.1 += all;
        }
        progress.failed_attempts.extend(task.failed_attempt());
    }

    /// What the running moves do; also updates the copied bytes. Citus queries the nodes for this, so it
    /// fails while a node is unreachable. Then nothing is known and the result is empty.
    async fn phases(&mut self) -> Vec<String> {
        let sql = "SELECT shardid, status, coalesce(target_shard_size, 0),
                          sourcename || ':' || sourceport, targetname || ':' || targetport
                   FROM get_rebalance_progress() WHERE progress = 1";
        let Ok(rows) = self.connection.rows_within(TIMEOUT, "looking at the progress", sql, &[]).await else {
            return Vec::new();
        };
        let mut copied: HashMap<BundleKey, i64> = HashMap::new();
        let mut phases: Vec<String> = Vec::new();
        for row in &rows {
            if let Some(bundle) = self.bundles.bundle(row.get(0)) {
                *copied.entry(bundle.clone()).or_default() += row.get::<_, i64>(2);
            }
            let (from, to): (&str, &str) = (row.get(3), row.get(4));
            let phase = format!("{from} to {to}: {}", row.get::<_, Option<&str>>(1).unwrap_or("?"));
            if !phases.contains(&phase) {
                phases.push(phase);
            }
        }
        for row in &rows {
            let shard: i64 = row.get(0);
            let bytes = self.bundles.bundle(shard).and_then(|bundle| copied.get(bundle)).copied();
            self.copied.insert(shard, bytes.unwrap_or_default());
        }
        phases
    }

    /// Asks the nodes directly, because Citus calls a job running for half an hour after a node of its moves
    /// has died, and never reports the transactions that block moves.
    async fn check_nodes(&mut self, involved: &[i32]) {
        if self.liveness_checked.is_some_and(|at| at.elapsed() < LIVENESS_INTERVAL) {
            return;
        }
        self.liveness_checked = Some(Instant::now());
        self.blockers = blockers::on_all_nodes(&self.connection).await;
        if let Ok(nodes) = node::list(&self.connection).await {
            let involved = nodes.iter().filter(|node| node.group != 0 && involved.contains(&node.id));
            self.unreachable = node::unreachable(&self.connection, involved, NODE_TIMEOUT).await;
        }
    }

    /// Calls `jobs::after_job`, once the job has ended.
    ///
    /// # Errors
    /// When the coordinator does not answer; `stop` and the next rebalance do the same work.
    pub async fn after_job(self) -> Result<(), ClusterError> {
        jobs::after_job(&self.connection).await
    }
}

/// At most 200 characters of the text, without line breaks.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = line.chars().take(200).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}
