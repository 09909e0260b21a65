//! The cluster as its operator sees it: nodes, shards, moves, tenants with a node of their own. All SQL that
//! speaks to Citus about itself lives here; rows of tenants are never read, apart from counting them. Callers
//! are the command line and the operator console; each operation is planned first, shown, and then run, and
//! is safe to repeat or to interrupt.
//!
//! citus_promote_clone_and_rebalance is not used and must not be: it loses acknowledged writes that reached a
//! worker without passing through the coordinator, as ours do.

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
mod roles;
pub(crate) mod sizes;
mod statement_stats;

pub use address::NodeAddress;
pub use backends::{Backend, BackendAction, end as end_backend};
pub use backup::{BackupPoint, backup_point};
pub use blockers::Blocker;
pub use distribute::{Distribution, plan_distribution};
pub use error::ClusterError;
pub use events::EventLine;
pub use init::{Init, init};
pub use isolate::{Isolation, IsolationRequest, plan_isolation, unpin};
pub use jobs::{BackgroundJob, finish_when_done, running_job, stop_job};
pub use membership::{WorkerAddition, WorkerRemoval, plan_add, plan_remove};
pub use node_connection::NodeConnection;
pub use plan::{MovePlan, plan_drain, plan_rebalance, undrain};
pub use progress::{Follower, Progress};
pub use statement_stats::reset_statements;

/// Where operations tell what they are doing, a line at a time.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);
