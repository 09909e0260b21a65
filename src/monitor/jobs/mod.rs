//! Background jobs: the moves of the running or of an earlier job, their progress, and what blocks them.

mod lines;
mod moves;

use std::collections::HashMap;

use chrono::Utc;

use super::move_history::MoveHistory;
use super::nodes::{Answer, MissingNode, NodeList, Nodes};
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::{NodeConnection, Values};
use crate::cluster::sizes::{self, Bundles, Placement};
use crate::cluster::{Blocker, EventLine, blockers, events};
pub use lines::{BlockerLine, JobLine, JobMoves, Jobs, ShardMove, WorkerLine};
use moves::{BackgroundTask, MoveContext, Phases};

/// How many jobs are listed.
const MOST_JOBS: i64 = 12;
/// How many moves of the shown job are listed.
const MOST_TASKS: i64 = 1000;

/// Reads the jobs. `chosen` is the job whose moves to show; by default the running one, or the last.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn jobs(nodes: &Nodes, history: &MoveHistory, chosen: Option<i64>) -> Result<Jobs, ClusterError> {
    let cluster = nodes.list().await?;
    if !cluster.citus {
        return Ok(none(history));
    }
    let answers = nodes.ask_all(&cluster.nodes, async |connection, node| measure(connection, node).await);
    let catalog = nodes.ask_coordinator(async |connection| JobCatalog::read(connection, chosen).await);
    let progress = nodes.ask_coordinator(async |connection| {
        connection.rows("looking at the progress", moves::PROGRESS, &[]).await
    });
    let (answers, (catalog, progress)) =
        futures_util::future::join(answers, futures_util::future::join(catalog, progress)).await;

    let mut missing: Vec<MissingNode> = answers.iter().filter_map(Answer::missing).collect();
    let catalog = catalog.unwrap_or_else(|error| {
        let coordinator = cluster.missing_coordinator(&error);
        if missing.iter().all(|missing| missing.node != coordinator.node) {
            missing.push(coordinator);
        }
        JobCatalog::default()
    });
    let measured = Measured::of(answers);
    let bundles = Bundles::of(&catalog.placements, &measured.bytes);
    let phases = Phases::of(progress.ok(), &bundles);
    let context =
        MoveContext { cluster: &cluster, bundles: &bundles, phases: &phases, history, missing: &missing };
    Ok(Jobs {
        at: Utc::now(),
        citus: true,
        watched_since: history.since(),
        shown: catalog.shown.map(|(job, tasks)| context.moves(job, tasks)),
        jobs: catalog.jobs,
        under_way: catalog.unfinished,
        blockers: measured.blockers.iter().map(BlockerLine::of).collect(),
        workers: workers(&cluster, &bundles, &measured.groups),
        missing,
    })
}

fn none(history: &MoveHistory) -> Jobs {
    Jobs {
        at: Utc::now(),
        citus: false,
        watched_since: history.since(),
        jobs: Vec::new(),
        shown: None,
        under_way: Vec::new(),
        blockers: Vec::new(),
        workers: Vec::new(),
        missing: Vec::new(),
    }
}

/// The bytes of a node's shards, if they could be measured, and its blockers.
type Measurement = (Option<Vec<(i64, i64)>>, Vec<Blocker>);

async fn measure(connection: &NodeConnection, node: &ClusterNode) -> Result<Measurement, ClusterError> {
    connection.run("asking", "SELECT 1").await?;
    // Measuring a table that a move has locked fails for a moment. The node is not down then.
    let sizes = sizes::of_node(connection).await.ok();
    let blockers = blockers::on(connection, &node.address.to_string()).await;
    Ok((sizes, blockers.unwrap_or_default()))
}

/// The measurements of all nodes.
#[derive(Default)]
struct Measured {
    /// By node group and shard.
    bytes: HashMap<(i32, i64), i64>,
    /// The node groups that could be measured.
    groups: Vec<i32>,
    blockers: Vec<Blocker>,
}

impl Measured {
    fn of(answers: Vec<Answer<Measurement>>) -> Self {
        let mut all = Self::default();
        for answer in answers {
            let group = answer.node.group;
            let Ok((sizes, blockers)) = answer.result else { continue };
            all.blockers.extend(blockers);
            if let Some(sizes) = sizes {
                all.groups.push(group);
                all.bytes.extend(sizes.into_iter().map(|(shard, bytes)| ((group, shard), bytes)));
            }
        }
        all
    }
}

fn workers(cluster: &NodeList, bundles: &Bundles, measured: &[i32]) -> Vec<WorkerLine> {
    let workers = cluster.nodes.iter().filter(|node| node.group != 0);
    workers
        .map(|node| WorkerLine {
            group: node.group,
            address: node.address.to_string(),
            bytes: measured.contains(&node.group).then(|| bundles.bytes_on(node.group)),
            takes_shards: node.takes_shards,
        })
        .collect()
}

/// What only the coordinator knows.
#[derive(Default)]
struct JobCatalog {
    jobs: Vec<JobLine>,
    /// The job whose moves are shown, with its tasks.
    shown: Option<(JobLine, Vec<BackgroundTask>)>,
    /// Running operations without a job.
    unfinished: Vec<EventLine>,
    placements: Vec<Placement>,
}

impl JobCatalog {
    async fn read(coordinator: &NodeConnection, chosen: Option<i64>) -> Result<Self, ClusterError> {
        let rows = coordinator.rows("listing jobs", lines::JOBS, &[&MOST_JOBS]).await?;
        let jobs: Vec<JobLine> = rows.iter().map(JobLine::from_row).collect();
        let is_shown = |job: &&JobLine| chosen.map_or_else(|| !job.is_over(), |id| job.id == id);
        let shown = match jobs.iter().find(is_shown).or(jobs.first()).cloned() {
            Some(job) => {
                let values: Values = &[&job.id, &MOST_TASKS];
                let tasks = coordinator.rows("looking at the moves", moves::TASKS, values).await?;
                Some((job, tasks.iter().map(BackgroundTask::from_row).collect()))
            }
            None => None,
        };
        Ok(Self {
            jobs,
            shown,
            unfinished: events::unfinished(coordinator).await?,
            placements: sizes::placements(coordinator).await?,
        })
    }
}
