//! The report that `status` and the console's verdicts show, as JSON and for people.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::connections::ConnectionCounts;
use crate::cluster::{Blocker, EventLine};

/// The state of the whole database.
#[derive(Serialize)]
pub struct StatusReport {
    pub at: DateTime<Utc>,
    /// The worst severity of the verdicts.
    pub severity: Severity,
    /// False for plain PostgreSQL.
    pub citus: bool,
    /// At least one for each subject that was checked, the worst first.
    pub verdicts: Vec<Verdict>,
    /// The coordinator first.
    pub nodes: Vec<NodeState>,
    pub tables: Vec<TableInfo>,
    /// The background job that has not ended, or else the last one.
    pub job: Option<JobState>,
    /// The busiest tenants of the last one to two minutes.
    pub tenants: Vec<BusyTenant>,
    pub pins: Vec<Pin>,
    /// The latest operations on the cluster.
    pub events: Vec<EventLine>,
}

impl StatusReport {
    /// Adds a verdict that does not come from the database, for example about the messages.
    pub fn add(&mut self, verdict: Verdict) {
        self.severity = self.severity.max(verdict.severity);
        self.verdicts.push(verdict);
        self.verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
    }
}

/// The state of one node.
#[derive(Serialize)]
pub struct NodeState {
    /// host:port.
    pub address: String,
    /// The group number; 0 is the coordinator.
    pub group: i32,
    /// The milliseconds until its first answer; none when it did not answer.
    pub answered_ms: Option<u64>,
    /// Why it did not answer, or not completely.
    pub error: Option<String>,
    /// Whether Citus sends queries to it.
    pub active: bool,
    /// Whether its copy of the metadata is up to date.
    pub synced: bool,
    /// False while it is drained.
    pub takes_shards: bool,
    /// The number of shards of distributed tables on it.
    pub shards: i64,
    /// The bytes of these shards; none when it did not answer in time.
    pub bytes: Option<i64>,
    /// What it reported about itself; none when it did not answer in time.
    #[serde(rename = "inside")]
    pub details: Option<NodeDetails>,
}

/// What a node reports about itself.
#[derive(Serialize)]
pub struct NodeDetails {
    /// PostgreSQL's version.
    pub postgresql: String,
    /// The version of the extension; empty on plain PostgreSQL.
    pub citus: String,
    pub connections: ConnectionCounts,
    /// Free and total bytes; none on plain PostgreSQL, which does not report them.
    pub disk: Option<(i64, i64)>,
    /// Transactions that block moves or would. They may be open in any database of the server.
    #[serde(rename = "holdups")]
    pub blockers: Vec<Blocker>,
    /// The number of inactive replication slots, and the bytes of WAL that they retain.
    pub idle_slots: (i64, i64),
    /// Sessions that have waited for a lock for over 10 seconds.
    pub waiting: i64,
    /// Transactions of this database that have been open for over 5 minutes.
    pub long: i64,
    /// Transactions of this database that were prepared over a minute ago and are not decided.
    pub undecided: i64,
    /// Tables and shards that lack the row-level security they must have.
    pub unguarded: i64,
    /// Lines of configuration that must or should change.
    pub settings: Vec<String>,
    /// Whether one of `settings` must change.
    #[serde(skip)]
    pub(super) must_change: bool,
}

/// The part of a report that only the coordinator can give.
#[derive(Default)]
pub(super) struct CoordinatorState {
    pub tables: Vec<TableInfo>,
    /// The number of shards of distributed tables by node group.
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

/// A table of the application.
#[derive(Serialize)]
pub struct TableInfo {
    pub name: String,
    /// distributed, reference, local or plain.
    pub kind: String,
    /// The distribution column.
    pub column: String,
    /// The number of its shards.
    pub shards: i64,
    /// Tables with the same colocation id have a tenant's rows on the same node.
    pub colocation: i32,
}

/// A background job of Citus.
#[derive(Serialize)]
pub struct JobState {
    pub id: i64,
    /// pg_dist_background_job.state.
    pub state: String,
    /// Citus' description.
    pub description: String,
    pub started_at: Option<DateTime<Utc>>,
    /// The number of moves in each state, for example `3 done, 2 blocked`.
    pub moves: String,
    /// Moves that failed and are tried again, with Citus' message.
    pub troubles: Vec<String>,
    /// The node ids of its unfinished moves.
    pub(super) node_ids: Vec<i32>,
}

/// The load of one tenant in the last one to two minutes.
#[derive(Serialize)]
pub struct BusyTenant {
    /// The tenant's id.
    pub tenant: String,
    /// host:port of the node that holds its shard.
    pub node: String,
    pub statements: u64,
    /// How long the database worked for these statements.
    pub seconds: f64,
}

/// A tenant whose shard is pinned to a node.
#[derive(Serialize)]
pub struct Pin {
    pub tenant: i64,
    /// The node group.
    pub group: i32,
    /// Whether no other shard may be placed there.
    pub alone: bool,
}

/// How bad a verdict is. The numbers are the exit codes of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do.
    Fine,
    /// The operator should look at it soon.
    Warning,
    /// Something does not work.
    Down,
}

impl Severity {
    /// The severity in one word, which also names its CSS class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Down => "down",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What was checked.
    pub subject: &'static str,
    pub severity: Severity,
    /// What was found.
    pub finding: String,
    /// What the operator can do about it; empty when nothing is wrong.
    #[serde(rename = "cure")]
    pub remedy: String,
}
