//! What the console and `cluster status` show of the database: nodes, shards, tenants, sessions, statements.
//! Everything here looks and nothing changes anything, but for the samples that are kept. All of it goes
//! through [`Nodes`], whose role can read no note and whose clock ends every look soon; a node that does not
//! answer is named and costs nothing else.

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

pub use activity::{Activity, Running, Wait, activity, running};
pub use budget::{Budget, Group, NodeBudget, budget};
pub use connections::Connections;
pub use events::{Events, events};
pub use jobs::{HoldupLine, JobLine, JobMoves, Jobs, Move, Worker, jobs};
pub use move_history::{Seen, Stretch, watch_jobs_for_ever};
pub use network::{Link, Network, network};
pub use nodes::{Answer, Cluster, Missing, Nodes};
pub use overview::report;
pub use report::{Inside, JobState, NodeState, Pin, Report, Severity, Table, Tenant, Verdict};
pub use samples::sample_for_ever;
pub use shards::{Costly, ShardBundle, ShardMap, ShardNode, ShardTenant, shards};
pub use statements::{Counters, Statement, Statements, Way, statements};
pub use table::{Cell, Head, Row, Sheet, bytes, seconds};
pub use tenants::{BigTenant, TenantRow, Tenants, tenants};
