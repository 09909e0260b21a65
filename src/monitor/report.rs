//! What `status` finds, in the shape in which people and scripts see it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::connections::ConnectionCounts;
use crate::cluster::{Blocker, EventLine};

/// All of it at one moment.
#[derive(Serialize)]
pub struct StatusReport {
    /// When.
    pub at: DateTime<Utc>,
    /// The worst of the verdicts.
    pub severity: Severity,
    /// Whether it is a cluster, and not plain PostgreSQL.
    pub citus: bool,
    /// One line or more for everything that was looked at, the worst first; what is wrong has its cure.
    pub verdicts: Vec<Verdict>,
    /// The coordinator and the workers.
    pub nodes: Vec<NodeState>,
    /// The tables of the cluster.
    pub tables: Vec<TableInfo>,
    /// The job that has not ended, or the last one.
    pub job: Option<JobState>,
    /// The busiest tenants of the last minute or two.
    pub tenants: Vec<BusyTenant>,
    /// Tenants with a shard of their own.
    pub pins: Vec<Pin>,
    /// What operators did last.
    pub events: Vec<EventLine>,
}

impl StatusReport {
    /// Takes a verdict in that is not the database's own.
    pub fn add(&mut self, verdict: Verdict) {
        self.severity = self.severity.max(verdict.severity);
        self.verdicts.push(verdict);
        self.verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
    }
}

/// One node.
#[derive(Serialize)]
pub struct NodeState {
    /// host:port.
    pub address: String,
    /// The number that decides its ids.
    pub group: i32,
    /// Whether it answered, and in how many milliseconds.
    pub answered_ms: Option<u64>,
    /// Why it did not.
    pub error: Option<String>,
    /// Whether Citus sends it work and has told it where the shards are.
    pub active: bool,
    /// Whether its metadata is up to date.
    pub synced: bool,
    /// Whether shards may be placed on it.
    pub takes_shards: bool,
    /// Shards of distributed tables on it.
    pub shards: i64,
    /// Their bytes; none while it does not answer.
    pub bytes: Option<i64>,
    /// What it said about itself.
    pub inside: Option<NodeDetails>,
}

/// What only the node itself knows.
#[derive(Serialize)]
pub struct NodeDetails {
    /// PostgreSQL's version.
    pub postgresql: String,
    /// The extension's version.
    pub citus: String,
    /// Connections that are open, whose they are, and the most there can be.
    pub connections: ConnectionCounts,
    /// Free and total bytes of its disk; none on plain PostgreSQL, which does not say.
    pub disk: Option<(i64, i64)>,
    /// Transactions for which moves wait, or would: of any database, as a replication slot waits for all of
    /// them.
    #[serde(rename = "holdups")]
    pub blockers: Vec<Blocker>,
    /// Replication slots that nobody reads, and the bytes of log that they keep.
    pub idle_slots: (i64, i64),
    /// Sessions that have waited for a lock for over ten seconds.
    pub waiting: i64,
    /// Transactions of our database that have been open for over five minutes.
    pub long: i64,
    /// Transactions of our database that were prepared over a minute ago and not decided.
    pub undecided: i64,
    /// Shards and tables without the row-level security that they must have.
    pub unguarded: i64,
    /// Settings that must be or should be changed.
    pub settings: Vec<String>,
    #[serde(skip)]
    pub(super) must_change: bool,
}

/// The part of a report that only the coordinator can give.
#[derive(Default)]
pub(super) struct CoordinatorState {
    pub tables: Vec<TableInfo>,
    /// Shards of distributed tables by node group.
    pub shards: Vec<(i32, i64)>,
    pub job: Option<JobState>,
    pub pins: Vec<Pin>,
    /// Tables that should be distributed and are on the coordinator alone.
    pub local: Vec<String>,
    /// Leftovers of moves on node groups that no longer exist.
    pub orphans: Vec<String>,
    pub events: Vec<EventLine>,
    pub tenants: Vec<BusyTenant>,
    /// How many group numbers were ever given out.
    pub groups: i64,
}

/// One table.
#[derive(Serialize)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// distributed, reference or local.
    pub kind: String,
    /// What decides the shard.
    pub column: String,
    /// How many shards it has.
    pub shards: i64,
    /// Tables with the same number have a tenant's rows on the same node.
    pub colocation: i32,
}

/// A background job.
#[derive(Serialize)]
pub struct JobState {
    /// Its number.
    pub id: i64,
    /// Citus' word for its state.
    pub state: String,
    /// What it does.
    pub description: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// Its moves by state.
    pub moves: String,
    /// Moves that failed and are tried again, with what was said.
    pub troubles: Vec<String>,
    /// Nodes of its unfinished moves.
    pub(super) node_ids: Vec<i32>,
}

/// A tenant's work.
#[derive(Serialize)]
pub struct BusyTenant {
    /// Its number.
    pub tenant: String,
    /// Where it is.
    pub node: String,
    /// Statements of the last minute or two.
    pub statements: u64,
    /// How many seconds the database worked for them.
    pub seconds: f64,
}

/// A tenant with a shard of its own.
#[derive(Serialize)]
pub struct Pin {
    /// Its number.
    pub tenant: i64,
    /// The group on which it is kept.
    pub group: i32,
    /// Whether other shards keep away.
    pub alone: bool,
}

/// How bad it is, which is also the exit code of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do.
    Fine,
    /// Somebody should look soon.
    Warning,
    /// Something is down.
    Down,
}

impl Severity {
    /// In one word, which says the same as its colour.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Down => "down",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What was looked at.
    pub subject: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub finding: String,
    /// What to do.
    #[serde(rename = "cure")]
    pub remedy: String,
}
