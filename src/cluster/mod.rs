//! Operations on the Citus cluster: nodes, shards, moves, and tenants with a shard of their own. The command
//! line and the operator console call them. An operation makes a plan, the caller shows the plan, and then
//! runs it. Every operation is safe to repeat and to interrupt.
//!
//! The SQL here administers Citus. It counts tenants' rows and never reads them.
//!
//! Do not use citus_promote_clone_and_rebalance: it loses acknowledged writes that reached a worker without
//! passing through the coordinator, as ours do.

pub(crate) mod address;
mod backends;
mod backup;
pub(crate) mod blockers;
pub(crate) mod distribute;
pub(crate) mod error;
pub(crate) mod events;
mod executors;
pub(crate) mod groups;
mod init;
mod isolate;
pub(crate) mod jobs;
mod membership;
pub(crate) mod node;
pub(crate) mod node_connection;
mod older_names;
mod patroni;
mod pins;
mod plan;
pub(crate) mod preflight;
mod progress;
mod registration;
mod roles;
mod say;
pub(crate) mod sizes;
mod statement_stats;

pub use address::HostPort;
pub use backends::{Backend, BackendAction, end as end_backend};
pub use backup::{BackupPoint, backup_point};
pub use blockers::Blocker;
pub use distribute::{Distribution, plan_distribution};
pub use error::ClusterError;
pub use events::{EventLine, record_operation};
pub use init::{Init, init};
pub use isolate::{Isolation, IsolationRequest, plan_isolation, unpin};
pub use jobs::{BackgroundJob, finish_when_done, running_job, stop_job};
pub use membership::{WorkerAddition, WorkerRemoval, plan_add, plan_remove};
pub use node_connection::NodeConnection;
pub use plan::{MovePlan, plan_drain, plan_rebalance, undrain};
pub use progress::{Follower, Progress};
pub use roles::copy_roles;
pub use say::Say;
pub use statement_stats::reset_statements;
