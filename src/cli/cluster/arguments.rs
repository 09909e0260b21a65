//! The command line of `pigeonhole cluster`.

use clap::{Args, Subcommand};

use crate::cluster::HostPort;

/// The subcommands of `cluster`.
#[derive(Subcommand)]
pub enum ClusterCommand {
    /// Make a cluster of DATABASE_URL's server and the workers; harmless when it is one already.
    Init(InitArguments),
    /// Say what is wrong and what to do about it, then nodes, tables, jobs and tenants. Exit code 0 fine, 1
    /// warnings, 2 something is down.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Spread a database that grew on plain PostgreSQL over the workers, without losing a row.
    Distribute(ConfirmationArguments),
    /// Add a worker. Shards move there at the next rebalance.
    AddWorker {
        /// The new worker, as the other nodes reach it.
        worker: HostPort,
        #[command(flatten)]
        confirmation: ConfirmationArguments,
    },
    /// Move shards in the background until the workers hold about the same; follows a job that is running.
    Rebalance(JobArguments),
    /// Move all shards away from a worker, in the background.
    Drain {
        /// The worker.
        worker: HostPort,
        /// Stop draining, and let shards be placed there again.
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        job: JobArguments,
    },
    /// Remove a worker that was drained.
    RemoveWorker {
        /// The worker.
        worker: HostPort,
        #[command(flatten)]
        confirmation: ConfirmationArguments,
    },
    /// Give a tenant a shard of its own, on the worker with the fewest bytes, and keep it there.
    IsolateTenant(IsolateArguments),
    /// Name a point in time to which all nodes can be restored together.
    BackupPoint {
        /// Its name; the time is added.
        name: String,
        /// Accepted for scripts; backup-point never asks.
        #[arg(long, short)]
        yes: bool,
    },
    /// Stop the running rebalance or drain; moves that are finished stay.
    Stop(ConfirmationArguments),
}

/// Arguments of commands that ask before a change.
#[derive(Args)]
pub struct ConfirmationArguments {
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// Arguments of commands that start a background job.
#[derive(Args)]
pub struct JobArguments {
    #[command(flatten)]
    pub(super) confirmation: ConfirmationArguments,
    /// Start it and return; `status` shows it.
    #[arg(long)]
    pub(super) background: bool,
    /// Only show what would move.
    #[arg(long)]
    pub(super) plan: bool,
}

/// Arguments of `init`.
#[derive(Args)]
pub struct InitArguments {
    /// The workers as host:port,…, as the other nodes reach them.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(super) workers: Vec<HostPort>,
    /// The coordinator as the workers reach it; else the address in DATABASE_URL.
    #[arg(long)]
    pub(super) coordinator: Option<HostPort>,
    /// Seconds to wait for servers that are starting.
    #[arg(long, default_value_t = 60)]
    pub(super) wait: u64,
    /// Shards of each table: at least four times the workers there may ever be (Citus makes 32).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(super) shards: Option<u16>,
    /// Only check, and change nothing.
    #[arg(long)]
    pub(super) check: bool,
    /// Accepted for scripts; init never asks.
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// Arguments of `isolate-tenant`.
#[derive(Args)]
pub struct IsolateArguments {
    /// The tenant's number.
    pub(super) tenant: i64,
    /// The worker to use.
    #[arg(long)]
    pub(super) to: Option<HostPort>,
    /// Let other shards leave that worker at the next rebalance.
    #[arg(long)]
    pub(super) alone: bool,
    /// Let plans move it again.
    #[arg(long, conflicts_with_all = ["to", "alone"])]
    pub(super) unpin: bool,
    #[command(flatten)]
    pub(super) confirmation: ConfirmationArguments,
}
