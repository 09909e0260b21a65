//! Background jobs: the moves of the one that runs or of an earlier one, how far they are, and what keeps
//! them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::move_history::{Interval, MoveHistory, TaskObservation};
use super::nodes::{MissingNode, NodeList, Nodes};
use super::table::{Cell, Table, bytes, seconds};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::sizes::{self, Bundles, Placement};
use crate::cluster::{Blocker, EventLine, blockers, events};

/// Jobs that are listed.
const MOST_JOBS: i64 = 12;
/// Moves that are listed of one.
const MOST_TASKS: i64 = 1000;

/// The jobs.
#[derive(Serialize)]
pub struct Jobs {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it is a cluster: plain PostgreSQL moves nothing.
    pub citus: bool,
    /// Since when this process has looked, and knows when moves began.
    pub watched_since: DateTime<Utc>,
    /// The latest first.
    pub jobs: Vec<JobLine>,
    /// The moves of one: that which was asked for, else that which runs, else the last.
    pub shown: Option<JobMoves>,
    /// Operations that take their time and are no jobs, as splits.
    pub under_way: Vec<EventLine>,
    /// Transactions for which moves wait, or would.
    #[serde(rename = "holdups")]
    pub blockers: Vec<BlockerLine>,
    /// The workers, which can be emptied.
    pub workers: Vec<WorkerLine>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A job.
#[derive(Clone, Debug, Serialize)]
pub struct JobLine {
    /// Its number.
    pub id: i64,
    /// Citus' word for its state.
    pub state: String,
    /// What it does, in Citus' words.
    pub description: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Tasks that are done, and all of them.
    pub tasks: (i64, i64),
}

/// The moves of a job.
#[derive(Serialize)]
pub struct JobMoves {
    /// The job.
    pub job: JobLine,
    /// Its tasks in their order.
    pub tasks: Vec<ShardMove>,
    /// Bytes that are copied, and all of them, as far as shards could be measured.
    pub bytes: (i64, i64),
    /// Nodes of unfinished moves that do not answer; while there are any, it is stuck, whatever Citus calls
    /// it.
    pub stuck: Vec<String>,
    /// Whether Citus said what the moves under way are doing; it asks the nodes for it, and a dead one makes
    /// it fail.
    pub phases_known: bool,
}

/// A task of a job: nearly always a move of a shard and its companions.
#[derive(Serialize)]
pub struct ShardMove {
    /// Its number.
    pub task: i64,
    /// The shard; none when it is something else.
    pub shard: Option<i64>,
    /// What it does, in words.
    pub what: String,
    /// Where it comes from and goes to.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// blocked, runnable, running, done, cancelling, error, unscheduled or cancelled.
    pub status: String,
    /// What it is doing.
    pub phase: String,
    /// Its bytes.
    pub bytes: i64,
    /// Those that are copied.
    pub copied: i64,
    /// Bytes of log that the copy is behind.
    pub lag: Option<i64>,
    /// Attempts that failed.
    pub retries: i32,
    /// When it is tried again.
    pub again_at: Option<DateTime<Utc>>,
    /// What Citus said.
    pub message: String,
    /// When it ran, as this process saw it.
    pub ran: Vec<Interval>,
}

/// What keeps moves waiting.
#[derive(Serialize)]
pub struct BlockerLine {
    /// What is found.
    pub finding: String,
    /// What to do.
    #[serde(rename = "cure")]
    pub remedy: String,
    /// Whether something waits for it now.
    pub waiting: bool,
}

/// A worker.
#[derive(Serialize)]
pub struct WorkerLine {
    /// The number of its group.
    pub group: i32,
    /// host:port.
    pub address: String,
    /// The bytes of its shards; none when it did not answer.
    pub bytes: Option<i64>,
    /// Whether shards are placed on it.
    pub takes_shards: bool,
}

const JOBS: &str = "
    SELECT job_id, state::text, description, started_at, finished_at,
           (SELECT count(*) FROM pg_dist_background_task t WHERE t.job_id = j.job_id
           AND t.status::text = 'done'),
           (SELECT count(*) FROM pg_dist_background_task t WHERE t.job_id = j.job_id)
    FROM pg_dist_background_job j ORDER BY job_id DESC LIMIT $1";
const TASKS: &str = "
    SELECT task_id, status::text, substring(command FROM 'citus_move_shard_placement\\((\\d+)')::bigint,
           substring(command FROM 'citus_move_shard_placement\\(\\d+, *(\\d+)')::integer,
           substring(command FROM 'citus_move_shard_placement\\(\\d+, *\\d+, *(\\d+)')::integer,
           left(regexp_replace(command, '\\s+', ' ', 'g'), 160), coalesce(retry_count, 0),
           CASE WHEN not_before > now() THEN not_before END, left(regexp_replace(message, '\\s+', ' ',
           'g'), 400),
           coalesce(nodes_involved, '{}'), a.backend_start, now()
    FROM pg_dist_background_task t
    LEFT JOIN pg_stat_activity a ON a.pid = t.pid AND t.status::text IN ('running', 'cancelling')
    WHERE job_id = $1 ORDER BY task_id LIMIT $2";
const PROGRESS: &str = "
    SELECT shardid, coalesce(target_shard_size, 0), coalesce(status, '?'), greatest(source_lsn -
    target_lsn, 0)::bigint
    FROM get_rebalance_progress() WHERE progress = 1";

/// Looks at them; `chosen` is the job whose moves are wanted.
///
/// # Errors
/// When the nodes were never listed.
pub async fn jobs(nodes: &Nodes, seen: &MoveHistory, chosen: Option<i64>) -> Result<Jobs, ClusterError> {
    let cluster = nodes.list().await?;
    if !cluster.citus {
        return Ok(Jobs::none(seen));
    }
    let asked = nodes.ask_all(&cluster.nodes, async |connection, node| {
        connection.run("asking", "SELECT 1").await?;
        // What a move holds locked cannot be measured for a moment, which is no reason to call the node dead.
        let sizes = sizes::of_node(connection).await.ok();
        Ok((sizes, blockers::on(connection, &node.address.to_string()).await.unwrap_or_default()))
    });
    let central = nodes.ask_coordinator(async |connection| central(connection, chosen).await);
    let progress = nodes
        .ask_coordinator(async |connection| connection.rows("looking at the progress", PROGRESS, &[]).await);
    let (answers, (central, progress)) =
        futures_util::future::join(asked, futures_util::future::join(central, progress)).await;

    let mut missing: Vec<MissingNode> = answers.iter().filter_map(super::Answer::missing).collect();
    let central = central.unwrap_or_else(|error| {
        let node = cluster
            .nodes
            .first()
            .map_or_else(|| "the coordinator".to_owned(), |node| node.address.to_string());
        if missing.iter().all(|missing| missing.node != node) {
            missing.push(MissingNode { node, reason: error.to_string() });
        }
        JobCatalog::default()
    });
    let (mut measured, mut found) = (HashMap::new(), Vec::new());
    let mut known_groups = Vec::new();
    for answer in answers {
        let Ok((sizes, blockers)) = answer.result else { continue };
        found.extend(blockers);
        if let Some(sizes) = sizes {
            known_groups.push(answer.node.group);
            measured.extend(sizes.into_iter().map(|(shard, bytes)| ((answer.node.group, shard), bytes)));
        }
    }
    let bundles = Bundles::of(&central.placements, &measured);
    let workers = cluster.nodes.iter().filter(|node| node.group != 0).map(|node| WorkerLine {
        group: node.group,
        address: node.address.to_string(),
        bytes: known_groups.contains(&node.group).then(|| bundles.bytes_on(node.group)),
        takes_shards: node.takes_shards,
    });
    let workers = workers.collect();
    let phases = Phases::of(progress.ok(), &bundles);
    let shown = central.shown.map(|(job, tasks)| {
        assemble(job, tasks, &Around { cluster: &cluster, bundles, phases, seen }, &missing)
    });
    Ok(Jobs {
        at: Utc::now(),
        citus: true,
        watched_since: seen.since(),
        jobs: central.jobs,
        shown,
        under_way: central.under_way,
        blockers: found.iter().map(BlockerLine::of).collect(),
        workers,
        missing,
    })
}

/// What only the coordinator knows.
#[derive(Default)]
struct JobCatalog {
    jobs: Vec<JobLine>,
    shown: Option<(JobLine, Vec<tokio_postgres::Row>)>,
    under_way: Vec<EventLine>,
    placements: Vec<Placement>,
}

async fn central(connection: &NodeConnection, chosen: Option<i64>) -> Result<JobCatalog, ClusterError> {
    let rows = connection.rows("listing jobs", JOBS, &[&MOST_JOBS]).await?;
    let jobs: Vec<JobLine> = rows
        .iter()
        .map(|row| JobLine {
            id: row.get(0),
            state: row.get(1),
            description: row.get(2),
            started_at: row.get(3),
            finished_at: row.get(4),
            tasks: (row.get(5), row.get(6)),
        })
        .collect();
    let wanted = |job: &&JobLine| chosen.map_or_else(|| !job.is_over(), |id| job.id == id);
    let shown = match jobs.iter().find(wanted).or(jobs.first()).cloned() {
        Some(job) => {
            let tasks = connection.rows("looking at the moves", TASKS, &[&job.id, &MOST_TASKS]).await?;
            Some((job, tasks))
        }
        None => None,
    };
    Ok(JobCatalog {
        jobs,
        shown,
        under_way: events::unfinished(connection).await?,
        placements: sizes::placements(connection).await?,
    })
}

/// What a move under way is doing.
struct Phase {
    copied: i64,
    name: String,
    lag: Option<i64>,
}

/// The same by bundle; none when Citus did not say.
struct Phases(Option<HashMap<(i32, String), Phase>>);

impl Phases {
    fn of(rows: Option<Vec<tokio_postgres::Row>>, bundles: &Bundles) -> Self {
        Self(rows.map(|rows| {
            let mut phases: HashMap<(i32, String), Phase> = HashMap::new();
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
}

struct Around<'a> {
    cluster: &'a NodeList,
    bundles: Bundles,
    phases: Phases,
    seen: &'a MoveHistory,
}

fn assemble(
    job: JobLine,
    rows: Vec<tokio_postgres::Row>,
    around: &Around<'_>,
    missing: &[MissingNode],
) -> JobMoves {
    let mut moves = JobMoves {
        job,
        tasks: Vec::new(),
        bytes: (0, 0),
        stuck: Vec::new(),
        phases_known: around.phases.0.is_some(),
    };
    for row in rows {
        let status: &str = row.get(1);
        around.seen.observe(&TaskObservation {
            task: row.get(0),
            status,
            running_since: row.get(10),
            now: row.get(11),
        });
        let task = one(&row, around);
        moves.bytes.0 += task.copied;
        moves.bytes.1 += task.bytes;
        if ["blocked", "runnable", "running", "cancelling"].contains(&status) {
            for id in row.get::<_, Vec<i32>>(9) {
                let address = name(around.cluster, id);
                if missing.iter().any(|missing| missing.node == address) && !moves.stuck.contains(&address) {
                    moves.stuck.push(address);
                }
            }
        }
        moves.tasks.push(task);
    }
    moves
}

fn one(row: &tokio_postgres::Row, around: &Around<'_>) -> ShardMove {
    let (task, status, shard): (i64, String, Option<i64>) = (row.get(0), row.get(1), row.get(2));
    let node =
        |index| row.get::<_, Option<i32>>(index).map_or_else(String::new, |id| name(around.cluster, id));
    let all = shard.map_or(0, |shard| around.bundles.bytes_with(shard));
    let bundle = shard.and_then(|shard| around.bundles.bundle(shard));
    let phase =
        bundle.filter(|_| status == "running").and_then(|bundle| around.phases.0.as_ref()?.get(bundle));
    let copied = match (status.as_str(), phase) {
        ("done", _) => all,
        (_, Some(phase)) => phase.copied.min(all),
        _ => 0,
    };
    ShardMove {
        what: what(shard, row.get(5)),
        from: node(3),
        to: node(4),
        phase: phase.map_or_else(String::new, |phase| phase.name.clone()),
        lag: phase.and_then(|phase| phase.lag),
        bytes: all,
        copied,
        retries: row.get(6),
        again_at: if status == "runnable" { row.get(7) } else { None },
        message: if status == "done" { String::new() } else { row.get(8) },
        ran: around.seen.of(task),
        task,
        shard,
        status,
    }
}

fn what(shard: Option<i64>, command: &str) -> String {
    match shard {
        Some(shard) => format!("shard {shard}"),
        None if command.contains("replicate_reference_tables") => "reference tables".to_owned(),
        None => command.to_owned(),
    }
}

fn name(cluster: &NodeList, id: i32) -> String {
    cluster
        .nodes
        .iter()
        .find(|node| node.id == id)
        .map_or_else(|| format!("node {id}"), |node| node.address.to_string())
}

impl BlockerLine {
    fn of(blocker: &Blocker) -> Self {
        Self { finding: blocker.finding(), remedy: blocker.remedy(), waiting: blocker.kept_waiting.is_some() }
    }
}

impl JobLine {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        ["finished", "cancelled", "failed"].contains(&self.state.as_str())
    }

    /// For how long it has run, or did.
    pub fn duration(&self, now: DateTime<Utc>) -> Option<f64> {
        let from = self.started_at?;
        Some(span(from, self.finished_at.unwrap_or(now)))
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds, for people")]
fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

impl JobMoves {
    /// How much of it is done, in hundredths: by bytes where there are any, else by moves.
    pub fn percent_done(&self) -> i64 {
        let (done, all) = if self.bytes.1 > 0 { self.bytes } else { self.job.tasks };
        if all > 0 { (done * 100 / all).clamp(0, 100) } else { 0 }
    }

    /// Whether it waits for a node that is dead.
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
        let mut table =
            Table::new(format!("Moves of job {}, a shard of each table at a time", self.job.id), &heads);
        for task in &self.tasks {
            table.row(task.cells(now));
        }
        table
    }
}

impl ShardMove {
    fn cells(&self, now: DateTime<Utc>) -> Vec<Cell> {
        let began =
            self.ran.first().map_or_else(String::new, |first| first.from.format("%H:%M:%S").to_string());
        let duration =
            self.ran.iter().map(|interval| span(interval.from, interval.to.unwrap_or(now))).sum::<f64>();
        let message = match self.again_at {
            Some(at) => format!("again at {}: {}", at.format("%H:%M:%S"), self.message),
            None => self.message.clone(),
        };
        vec![
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
            began.into(),
            if self.ran.is_empty() { String::new() } else { seconds(duration) }.into(),
            message.into(),
        ]
    }
}

impl Jobs {
    fn none(seen: &MoveHistory) -> Self {
        Self {
            at: Utc::now(),
            citus: false,
            watched_since: seen.since(),
            jobs: Vec::new(),
            shown: None,
            under_way: Vec::new(),
            blockers: Vec::new(),
            workers: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The same as tables: jobs, moves of one, what keeps them, workers.
    pub fn tables(&self) -> Vec<Table> {
        let mut jobs = Table::new("Jobs", &["job", "state", "what", "began", "#took", "#moves done"])
            .when_empty("No job is known.");
        for job in &self.jobs {
            jobs.row([
                Cell::linked(job.id.to_string(), format!("/jobs?job={}", job.id)),
                job.state.clone().into(),
                job.description.clone().into(),
                job.started_at
                    .map_or_else(String::new, |at| at.format("%-d %b, %H:%M:%S").to_string())
                    .into(),
                job.duration(self.at).map_or_else(String::new, seconds).into(),
                format!("{} of {}", job.tasks.0, job.tasks.1).into(),
            ]);
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
