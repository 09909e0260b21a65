//! `pigeonhole cluster …`: shows what it will do, asks, does it through `crate::cluster`, and says how it
//! went.

mod ask;
mod follow;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use tokio_postgres::Config;

use super::output;
use crate::cluster::{self, HostPort, NodeConnection};
use crate::settings::Settings;

/// What can be done to a cluster.
#[derive(Subcommand)]
pub enum ClusterCommand {
    /// Make a cluster of DATABASE_URL's server and the workers; harmless when it is one already.
    Init(InitArguments),
    /// Say what is wrong and what to do about it, then nodes, tables, jobs and tenants. Exit code 0 fine, 1
    /// warnings, 2 something is down.
    Status {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Spread a database that grew on plain PostgreSQL over the workers, without losing a row.
    Distribute(Consent),
    /// Add a worker. Shards move there at the next rebalance.
    AddWorker {
        /// The new worker, as the other nodes reach it.
        worker: HostPort,
        #[command(flatten)]
        consent: Consent,
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
        consent: Consent,
    },
    /// Give a tenant a shard of its own, on the worker with the most room, and keep it there.
    IsolateTenant(IsolateArguments),
    /// Name a point in time to which all nodes can be restored together.
    BackupPoint {
        /// Its name; the time is added.
        name: String,
        /// Taken for the sake of scripts; backup-point never asks.
        #[arg(long, short)]
        yes: bool,
    },
    /// Stop the running rebalance or drain; moves that are finished stay.
    Stop(Consent),
}

/// Whether to ask.
#[derive(Args)]
pub struct Consent {
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// How to run a background job.
#[derive(Args)]
pub struct JobArguments {
    #[command(flatten)]
    consent: Consent,
    /// Start it and return; `status` shows it.
    #[arg(long)]
    background: bool,
    /// Only show what would move.
    #[arg(long)]
    plan: bool,
}

/// What `init` needs.
#[derive(Args)]
pub struct InitArguments {
    /// The workers as host:port,…, as the other nodes reach them.
    #[arg(long, value_delimiter = ',', required = true)]
    workers: Vec<HostPort>,
    /// The coordinator as the workers reach it; else the address in DATABASE_URL.
    #[arg(long)]
    coordinator: Option<HostPort>,
    /// Seconds to wait for servers that are starting.
    #[arg(long, default_value_t = 60)]
    wait: u64,
    /// Shards of each table: at least four times the workers there may ever be (Citus makes 32).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    shards: Option<u16>,
    /// Look and change nothing.
    #[arg(long)]
    check: bool,
    /// Taken for the sake of scripts; init never asks.
    #[arg(long, short)]
    yes: bool,
}

/// What `isolate-tenant` needs.
#[derive(Args)]
pub struct IsolateArguments {
    /// The tenant's number.
    tenant: i64,
    /// The worker to use.
    #[arg(long)]
    to: Option<HostPort>,
    /// Let other shards leave that worker at the next rebalance.
    #[arg(long)]
    alone: bool,
    /// Let plans move it again.
    #[arg(long, conflicts_with_all = ["to", "alone"])]
    unpin: bool,
    #[command(flatten)]
    consent: Consent,
}

/// Runs one of them.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn run(settings: &Settings, command: ClusterCommand) -> anyhow::Result<ExitCode> {
    let config = settings
        .database
        .url
        .as_ref()
        .context("cluster commands need DATABASE_URL, a superuser's on the coordinator")?;
    match command {
        ClusterCommand::Status { json } => {
            return report::run(config, settings.cluster.node_timeout, json).await;
        }
        ClusterCommand::Init(arguments) => init(settings, config, arguments).await?,
        other => {
            let coordinator = NodeConnection::coordinator(config).await?;
            return change(&coordinator, other).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn init(settings: &Settings, config: &Config, arguments: InitArguments) -> anyhow::Result<()> {
    let init = cluster::Init {
        workers: arguments.workers,
        coordinator: arguments.coordinator,
        wait: Duration::from_secs(arguments.wait),
        shards: arguments.shards,
        demo_tenant: settings.demo_tenant(),
        dry_run: arguments.check,
    };
    if !init.dry_run {
        super::node_passwords::grant(settings, config).await?;
    }
    cluster::init(config, &init, &output::line).await?;
    output::line(if init.dry_run { "fit; nothing was changed" } else { "the cluster is ready" });
    Ok(())
}

async fn change(coordinator: &NodeConnection, command: ClusterCommand) -> anyhow::Result<ExitCode> {
    match command {
        ClusterCommand::Init(_) | ClusterCommand::Status { .. } => {}
        ClusterCommand::Distribute(consent) => {
            let plan = cluster::plan_distribution(coordinator).await?;
            if plan.is_empty() {
                output::line("every table is distributed already");
            } else if ask::agreed(&plan.describe(), &consent)? {
                plan.run(coordinator, &output::line).await?;
            }
        }
        ClusterCommand::AddWorker { worker, consent } => {
            let joining = cluster::plan_add(coordinator, &worker, &output::line).await?;
            if ask::agreed(&[joining.describe()], &consent)? {
                joining.run(coordinator, &output::line).await?;
                output::line("next: `pigeonhole cluster rebalance` moves shards to it");
            }
        }
        ClusterCommand::Rebalance(arguments) => return rebalance(coordinator, &arguments).await,
        ClusterCommand::Drain { worker, undo: true, job } => {
            if ask::agreed(&[format!("{worker} takes shards again; a running job is stopped")], &job.consent)?
            {
                cluster::undrain(coordinator, &worker, &output::line).await?;
            }
        }
        ClusterCommand::Drain { worker, undo: false, job } => {
            let moves = cluster::plan_drain(coordinator, &worker).await?;
            return follow::start(coordinator, &moves, &job).await;
        }
        ClusterCommand::RemoveWorker { worker, consent } => {
            let leaving = cluster::plan_remove(coordinator, &worker).await?;
            if ask::agreed(&[leaving.describe()], &consent)? {
                leaving.run(coordinator, &output::line).await?;
            }
        }
        ClusterCommand::IsolateTenant(arguments) => isolate(coordinator, arguments).await?,
        ClusterCommand::BackupPoint { name, .. } => {
            let name = format!("{name}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%SZ"));
            let point = cluster::backup_point(coordinator, &name, &output::line).await?;
            output::line(&format!(
                "restore point {} on every node; distributed commits waited {} ms",
                point.name,
                point.held.as_millis()
            ));
            for (node, position) in &point.positions {
                output::line(&format!("    {node}: {position}"));
            }
        }
        ClusterCommand::Stop(consent) => match cluster::running_job(coordinator).await? {
            None => output::line("no job is running"),
            Some(job) => {
                if ask::agreed(
                    &[format!("stop job {} ({}), which is {}", job.id, job.description, job.state)],
                    &consent,
                )? {
                    cluster::stop_job(coordinator, &job, &output::line).await?;
                }
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

async fn rebalance(coordinator: &NodeConnection, arguments: &JobArguments) -> anyhow::Result<ExitCode> {
    coordinator.require_cluster().await?;
    if let Some(job) = cluster::running_job(coordinator).await? {
        output::line(&format!("job {} ({}) is {}", job.id, job.description, job.state));
        return follow::until_over(coordinator, job.id).await;
    }
    let moves = cluster::plan_rebalance(coordinator).await?;
    follow::start(coordinator, &moves, arguments).await
}

async fn isolate(coordinator: &NodeConnection, arguments: IsolateArguments) -> anyhow::Result<()> {
    if arguments.unpin {
        let removed = cluster::unpin(coordinator, arguments.tenant).await?;
        output::line(if removed == 0 {
            "it was not pinned"
        } else {
            "unpinned; its shard stays one of its own"
        });
        return Ok(());
    }
    let wish =
        cluster::IsolationRequest { tenant: arguments.tenant, to: arguments.to, alone: arguments.alone };
    let plan = cluster::plan_isolation(coordinator, wish).await?;
    if ask::agreed(&plan.describe(), &arguments.consent)? {
        plan.run(coordinator, &output::line).await?;
    }
    Ok(())
}
