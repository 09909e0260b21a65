//! What the console and `cluster status` show of the database: nodes, shards, tenants, sessions, statements. Everything here
//! looks and nothing changes anything, but for the samples that are kept. All of it goes through [`Nodes`], whose role can
//! read no note and whose clock ends every look soon; a node that does not answer is named and costs nothing else.

mod connections;
mod nodes;
mod overview;
mod report;
mod samples;
mod shards;
mod sheet;
mod tenants;
mod verdicts;

pub use connections::Connections;
pub use nodes::{Answer, Cluster, Missing, Nodes};
pub use overview::report;
pub use report::{Inside, JobState, NodeState, Pin, Report, Severity, Table, Tenant, Verdict};
pub use samples::sample_for_ever;
pub use shards::{Costly, ShardBundle, ShardMap, ShardNode, shards};
pub use sheet::{Cell, Head, Row, Sheet, bytes, seconds};
pub use tenants::{Load, TenantRow, Tenants, tenants};
