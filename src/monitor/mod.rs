//! Reads the state of the database for the console and for `cluster status`: nodes, shards, tenants,
//! sessions, statements, jobs. It changes nothing, except that it writes samples for its own history.
//!
//! All queries go through [`Nodes`]. Its role cannot read a note, and every query has a timeout. A node that
//! does not answer is named on the page and delays nothing else.

mod activity;
mod budget;
mod connections;
mod events;
mod health;
mod jobs;
mod move_history;
mod network;
mod nodes;
mod overview;
mod report;
mod samples;
mod shards;
mod statement_text;
mod statements;
mod table;
mod tenants;

pub use activity::{Activity, LockWait, RunningSession, activity, running_session};
pub use budget::{Budget, ConnectionGroup, NodeBudget, budget};
pub use connections::ConnectionCounts;
pub use events::{Events, events};
pub use jobs::{BlockerLine, JobLine, JobMoves, Jobs, ShardMove, WorkerLine, jobs};
pub use move_history::{Interval, MoveHistory, watch_jobs_forever};
pub use network::{Link, Network, network};
pub use nodes::{Answer, MissingNode, NodeList, Nodes};
pub use overview::report;
pub use report::{
    BusyTenant, JobState, NodeDetails, NodeState, Pin, Severity, StatusReport, TableInfo, Verdict,
};
pub use samples::sample_forever;
pub use shards::{CostlyStatement, ShardBundle, ShardMap, ShardNode, ShardTenant, shards};
pub use statements::{CitusCounters, StatementScope, StatementStats, Statements, statements};
pub use table::{Cell, Table, TableColumn, TableRow, bytes, seconds};
pub use tenants::{BigTenant, TenantRow, Tenants, tenants};
