//! How far a background job is, by bytes, and whether it is stuck.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::blockers::{self, Blocker};
use super::error::ClusterError;
use super::jobs;
use super::node::{self, NODE_TIMEOUT};
use super::node_connection::NodeConnection;
use super::sizes::{self, Bundles};

/// How long the coordinator may take to answer, which is asked again soon.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often nodes are asked whether they live.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(4);

/// A job at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Citus' word for the job's state.
    pub state: String,
    /// Moves that are done, and all of them.
    pub moves: (usize, usize),
    /// Bytes that are copied, and all of them.
    pub bytes: (i64, i64),
    /// What the moves under way are doing.
    pub phases: Vec<String>,
    /// Moves that failed and are or were tried again, with what Citus said.
    pub failed_attempts: Vec<String>,
    /// Nodes of unfinished moves that do not answer.
    pub unreachable: Vec<String>,
    /// Transactions for which moves wait.
    pub blockers: Vec<Blocker>,
}

impl Progress {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        ["finished", "cancelled", "failed"].contains(&self.state.as_str())
    }

    /// Whether it is stuck, whatever Citus calls it.
    pub fn is_stuck(&self) -> bool {
        !self.is_over() && !self.unreachable.is_empty()
    }
}

/// Watches one job over sessions of its own.
pub struct Follower {
    job: i64,
    connection: NodeConnection,
    bundles: Bundles,
    copied: HashMap<i64, i64>,
    asked: Option<Instant>,
    unreachable: Vec<String>,
    blockers: Vec<Blocker>,
}

const TASKS: &str = "
    SELECT status::text, coalesce(substring(command FROM 'citus_move_shard_placement\\((\\d+)'), '0')::bigint,
           coalesce(retry_count, 0), coalesce(not_before::text, ''), coalesce(message, ''),
           coalesce(nodes_involved, '{}')
    FROM pg_dist_background_task WHERE job_id = $1 ORDER BY task_id";

impl Follower {
    /// Begins to watch.
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
            asked: None,
            unreachable: Vec::new(),
            blockers: Vec::new(),
        })
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the coordinator does not answer; the job goes on regardless, and the next look may succeed.
    pub async fn poll(&mut self) -> Result<Progress, ClusterError> {
        if self.connection.run_within(TIMEOUT, "asking", "SELECT 1").await.is_err() {
            self.connection = NodeConnection::coordinator(self.connection.config()).await?;
        }
        let sql = "SELECT state::text FROM pg_dist_background_job WHERE job_id = $1";
        let state: String =
            self.connection.row_within(TIMEOUT, "looking at the job", sql, &[&self.job]).await?.get(0);
        let rows = self.connection.rows_within(TIMEOUT, "looking at the moves", TASKS, &[&self.job]).await?;
        let phases = if state == "running" { self.phases().await } else { Vec::new() };
        let mut progress = Progress {
            state,
            moves: (0, 0),
            bytes: (0, 0),
            phases,
            failed_attempts: Vec::new(),
            unreachable: Vec::new(),
            blockers: Vec::new(),
        };
        let mut involved: Vec<i32> = Vec::new();
        for row in &rows {
            let (status, shard, retries): (&str, i64, i32) = (row.get(0), row.get(1), row.get(2));
            if shard != 0 {
                let all = self.bundles.bytes_with(shard);
                progress.moves.1 += 1;
                progress.bytes.1 += all;
                progress.moves.0 += usize::from(status == "done");
                progress.bytes.0 += if status == "done" {
                    all
                } else {
                    self.copied.get(&shard).copied().unwrap_or_default().min(all)
                };
            }
            if ["blocked", "runnable", "running"].contains(&status) {
                involved.extend(row.get::<_, Vec<i32>>(5));
            }
            if (retries > 0 && status != "done") || status == "error" {
                let again = if status == "error" {
                    "given up".to_owned()
                } else {
                    format!("again at {}", row.get::<_, &str>(3))
                };
                let message: &str = row.get(4);
                progress.failed_attempts.push(format!(
                    "shard {shard}: attempt {} failed, {again}: {}",
                    retries.max(1),
                    one_line(message)
                ));
            }
        }
        if !progress.is_over() {
            self.ask_nodes(&involved).await;
            progress.unreachable.clone_from(&self.unreachable);
            progress.blockers.clone_from(&self.blockers);
        }
        Ok(progress)
    }

    /// What the moves under way are doing. Citus asks the nodes for it, so a dead one makes it fail.
    async fn phases(&mut self) -> Vec<String> {
        let sql = "SELECT shardid, status, coalesce(target_shard_size, 0), sourcename || ':' || sourceport,
            targetname || ':' || targetport
                   FROM get_rebalance_progress() WHERE progress = 1";
        let Ok(rows) = self.connection.rows_within(TIMEOUT, "looking at the progress", sql, &[]).await else {
            return Vec::new();
        };
        let mut copied: HashMap<(i32, String), i64> = HashMap::new();
        let mut phases: Vec<String> = Vec::new();
        for row in &rows {
            if let Some(bundle) = self.bundles.bundle(row.get(0)) {
                *copied.entry(bundle.clone()).or_default() += row.get::<_, i64>(2);
            }
            let phase = format!(
                "{} to {}: {}",
                row.get::<_, &str>(3),
                row.get::<_, &str>(4),
                row.get::<_, Option<&str>>(1).unwrap_or("?")
            );
            if !phases.contains(&phase) {
                phases.push(phase);
            }
        }
        for row in &rows {
            let shard: i64 = row.get(0);
            let bytes =
                self.bundles.bundle(shard).and_then(|bundle| copied.get(bundle)).copied().unwrap_or_default();
            self.copied.insert(shard, bytes);
        }
        phases
    }

    /// Citus calls a job running for half an hour while its node is dead, and says nothing of transactions
    /// that its moves wait for; so the nodes are asked here.
    async fn ask_nodes(&mut self, involved: &[i32]) {
        if self.asked.is_some_and(|asked| asked.elapsed() < LIVENESS_INTERVAL) {
            return;
        }
        self.asked = Some(Instant::now());
        self.blockers = blockers::everywhere(&self.connection).await;
        if let Ok(nodes) = node::list(&self.connection).await {
            let asked = nodes.iter().filter(|node| node.group != 0 && involved.contains(&node.id));
            self.unreachable = node::unreachable(&self.connection, asked, NODE_TIMEOUT).await;
        }
    }

    /// Puts back what was changed for the time of the job.
    ///
    /// # Errors
    /// When the coordinator does not answer; `stop` and the next rebalance do the same.
    pub async fn after_job(self) -> Result<(), ClusterError> {
        jobs::after_job(&self.connection).await
    }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = line.chars().take(200).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}
