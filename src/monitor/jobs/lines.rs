//! The types of the jobs page, and their tables.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use crate::cluster::{Blocker, EventLine};
use crate::monitor::move_history::Interval;
use crate::monitor::nodes::MissingNode;
use crate::monitor::table::{Cell, Table, bytes, seconds};

/// The background jobs of Citus.
#[derive(Serialize)]
pub struct Jobs {
    pub at: DateTime<Utc>,
    /// False for plain PostgreSQL, which has no jobs.
    pub citus: bool,
    /// Since when this process has observed the times of moves.
    pub watched_since: DateTime<Utc>,
    /// The latest first.
    pub jobs: Vec<JobLine>,
    /// The moves of the requested job, or of the running one, or of the last.
    pub shown: Option<JobMoves>,
    /// Running operations without a job, such as splits.
    pub under_way: Vec<EventLine>,
    /// Transactions that block moves or would.
    #[serde(rename = "holdups")]
    pub blockers: Vec<BlockerLine>,
    pub workers: Vec<WorkerLine>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A background job.
#[derive(Clone, Debug, Serialize)]
pub struct JobLine {
    pub id: i64,
    /// pg_dist_background_job.state.
    pub state: String,
    /// Citus' description.
    pub description: String,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Tasks that are done, and all tasks.
    pub tasks: (i64, i64),
}

/// The moves of one job.
#[derive(Serialize)]
pub struct JobMoves {
    pub job: JobLine,
    /// In the order of their task ids.
    pub tasks: Vec<ShardMove>,
    /// Bytes that are copied, and all bytes, of the shards that could be measured.
    pub bytes: (i64, i64),
    /// Nodes of unfinished moves that do not answer. The job is then stuck, even if Citus calls it running.
    pub stuck: Vec<String>,
    /// Whether the phases of the running moves are known. Citus queries the nodes for them, which fails while
    /// a node is unreachable.
    pub phases_known: bool,
}

/// A task of a job: the move of a bundle of shards, or for example the copy of the reference tables.
#[derive(Serialize)]
pub struct ShardMove {
    /// The task id.
    pub task: i64,
    /// One shard of the bundle; none when the task moves no shard.
    pub shard: Option<i64>,
    /// What the task does, for people.
    pub what: String,
    /// host:port of the source node.
    pub from: String,
    /// host:port of the target node.
    pub to: String,
    /// pg_dist_background_task.status.
    pub status: String,
    /// What the move does now.
    pub phase: String,
    /// The bytes of the bundle.
    pub bytes: i64,
    /// The copied bytes.
    pub copied: i64,
    /// The bytes of WAL by which the copy is behind.
    pub lag: Option<i64>,
    /// The number of failed attempts.
    pub retries: i32,
    /// When the next attempt starts.
    pub again_at: Option<DateTime<Utc>>,
    /// Citus' message.
    pub message: String,
    /// Its attempts, as far as this process observed them.
    pub ran: Vec<Interval>,
}

/// A transaction that blocks moves or would.
#[derive(Serialize)]
pub struct BlockerLine {
    pub finding: String,
    /// What the operator can do about it.
    #[serde(rename = "cure")]
    pub remedy: String,
    /// Whether something waits for it now.
    pub waiting: bool,
}

/// A worker, which can be drained.
#[derive(Serialize)]
pub struct WorkerLine {
    /// The group number.
    pub group: i32,
    /// host:port.
    pub address: String,
    /// The bytes of its shards; none when it did not answer.
    pub bytes: Option<i64>,
    /// False while it is drained.
    pub takes_shards: bool,
}

impl BlockerLine {
    /// The line of a blocker.
    pub(super) fn of(blocker: &Blocker) -> Self {
        Self { finding: blocker.finding(), remedy: blocker.remedy(), waiting: blocker.kept_waiting.is_some() }
    }
}

/// The columns that [`JobLine::from_row`] reads.
pub(super) const JOBS: &str = "
    SELECT job_id, state::text, description, started_at, finished_at,
           (SELECT count(*) FROM pg_dist_background_task t
            WHERE t.job_id = j.job_id AND t.status::text = 'done'),
           (SELECT count(*) FROM pg_dist_background_task t WHERE t.job_id = j.job_id)
    FROM pg_dist_background_job j ORDER BY job_id DESC LIMIT $1";

impl JobLine {
    /// Reads a row of [`JOBS`].
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            id: row.get(0),
            state: row.get(1),
            description: row.get(2),
            started_at: row.get(3),
            finished_at: row.get(4),
            tasks: (row.get(5), row.get(6)),
        }
    }

    /// Whether the job has ended.
    pub fn is_over(&self) -> bool {
        ["finished", "cancelled", "failed"].contains(&self.state.as_str())
    }

    /// The seconds from its start to its end, or to `now`.
    pub fn duration(&self, now: DateTime<Utc>) -> Option<f64> {
        let from = self.started_at?;
        Some(seconds_between(from, self.finished_at.unwrap_or(now)))
    }

    fn cells(&self, now: DateTime<Utc>) -> [Cell; 6] {
        let began = self.started_at.map(|at| at.format("%-d %b, %H:%M:%S").to_string());
        [
            Cell::linked(self.id.to_string(), format!("/jobs?job={}", self.id)),
            self.state.clone().into(),
            self.description.clone().into(),
            began.unwrap_or_default().into(),
            self.duration(now).map_or_else(String::new, seconds).into(),
            format!("{} of {}", self.tasks.0, self.tasks.1).into(),
        ]
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds, for people")]
fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

impl JobMoves {
    /// How much of the job is done, in percent of its bytes, or of its tasks when the bytes are unknown.
    pub fn percent_done(&self) -> i64 {
        let (done, all) = if self.bytes.1 > 0 { self.bytes } else { self.job.tasks };
        if all > 0 { (done * 100 / all).clamp(0, 100) } else { 0 }
    }

    /// Whether the job waits for an unreachable node.
    pub fn is_stuck(&self) -> bool {
        !self.job.is_over() && !self.stuck.is_empty()
    }

    fn table(&self, now: DateTime<Utc>) -> Table {
        let heads = [
            "task",
            "what",
            "from",
            "to",
            "state",
            "doing",
            "#bytes",
            "#copied",
            "#log behind",
            "#failed",
            "began",
            "#took",
            "message",
        ];
        let title = format!("Moves of job {}, a shard of each table at a time", self.job.id);
        let mut table = Table::new(title, &heads);
        for task in &self.tasks {
            table.row(task.cells(now));
        }
        table
    }
}

impl ShardMove {
    fn cells(&self, now: DateTime<Utc>) -> [Cell; 13] {
        let began = self.ran.first().map(|first| first.from.format("%H:%M:%S").to_string());
        let attempts = self.ran.iter();
        let took: f64 = attempts.map(|ran| seconds_between(ran.from, ran.to.unwrap_or(now))).sum();
        let message = match self.again_at {
            Some(at) => format!("again at {}: {}", at.format("%H:%M:%S"), self.message),
            None => self.message.clone(),
        };
        [
            self.task.to_string().into(),
            self.what.clone().into(),
            self.from.clone().into(),
            self.to.clone().into(),
            self.status.clone().into(),
            self.phase.clone().into(),
            bytes(self.bytes).into(),
            bytes(self.copied).into(),
            self.lag.map_or_else(String::new, bytes).into(),
            self.retries.to_string().into(),
            began.unwrap_or_default().into(),
            if self.ran.is_empty() { String::new() } else { seconds(took) }.into(),
            message.into(),
        ]
    }
}

impl Jobs {
    /// Jobs, the moves of one, blockers, and workers as tables.
    pub fn tables(&self) -> Vec<Table> {
        let mut jobs = Table::new("Jobs", &["job", "state", "what", "began", "#took", "#moves done"])
            .when_empty("No job is known.");
        for job in &self.jobs {
            jobs.row(job.cells(self.at));
        }
        let mut blockers = Table::new("Transactions that hold moves up", &["finding", "do"]);
        for blocker in &self.blockers {
            blockers.row([Cell::from(blocker.finding.clone()), blocker.remedy.clone().into()]);
        }
        let mut workers = Table::new("Workers", &["worker", "#group", "#bytes", "takes shards"]);
        for worker in &self.workers {
            workers.row([
                Cell::from(worker.address.clone()),
                worker.group.to_string().into(),
                worker.bytes.map_or_else(|| "?".to_owned(), bytes).into(),
                if worker.takes_shards { "yes" } else { "no, it is being emptied" }.into(),
            ]);
        }
        let moves =
            self.shown.as_ref().map_or_else(|| Table::new("Moves", &["task"]), |shown| shown.table(self.at));
        vec![jobs, moves, blockers, workers]
    }
}
