//! `pigeonhole cluster …`: shows the plan, asks, carries the plan out through `crate::cluster`, and prints
//! the result.

mod arguments;
mod confirm;
mod follow;
mod progress_display;
mod status;
mod status_text;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio_postgres::Config;

use super::output;
use crate::cluster::{self, HostPort, NodeConnection};
use crate::settings::Settings;
pub use arguments::ClusterCommand;
use arguments::{ConfirmationArguments, InitArguments, IsolateArguments, JobArguments};
use confirm::confirmed;

/// Runs a subcommand of `cluster`.
///
/// # Errors
/// One line that says what failed.
pub async fn run(settings: &Settings, command: ClusterCommand) -> anyhow::Result<ExitCode> {
    let config = settings
        .database
        .url
        .as_ref()
        .context("cluster commands need DATABASE_URL, a superuser's on the coordinator")?;
    match command {
        ClusterCommand::Status { json } => status::run(config, settings.cluster.node_timeout, json).await,
        ClusterCommand::Init(arguments) => {
            init(settings, config, arguments).await?;
            Ok(ExitCode::SUCCESS)
        }
        other => change(&NodeConnection::coordinator(config).await?, other).await,
    }
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
        super::node_passwords::set(settings, config).await?;
    }
    cluster::init(config, &init, &output::line).await?;
    output::line(if init.dry_run { "fit; nothing was changed" } else { "the cluster is ready" });
    Ok(())
}

async fn change(coordinator: &NodeConnection, command: ClusterCommand) -> anyhow::Result<ExitCode> {
    match command {
        ClusterCommand::Rebalance(arguments) => return rebalance(coordinator, &arguments).await,
        ClusterCommand::Drain { worker, undo: false, job } => {
            let moves = cluster::plan_drain(coordinator, &worker).await?;
            return follow::start(coordinator, &moves, &job).await;
        }
        ClusterCommand::Drain { worker, undo: true, job } => undrain(coordinator, &worker, &job).await?,
        ClusterCommand::Distribute(confirmation) => distribute(coordinator, &confirmation).await?,
        ClusterCommand::AddWorker { worker, confirmation } => {
            add_worker(coordinator, &worker, &confirmation).await?;
        }
        ClusterCommand::RemoveWorker { worker, confirmation } => {
            remove_worker(coordinator, &worker, &confirmation).await?;
        }
        ClusterCommand::IsolateTenant(arguments) => isolate(coordinator, arguments).await?,
        ClusterCommand::BackupPoint { name, .. } => backup_point(coordinator, &name).await?,
        ClusterCommand::Stop(confirmation) => stop(coordinator, &confirmation).await?,
        // These two do not need a coordinator that answers: `run` has done them.
        ClusterCommand::Init(_) | ClusterCommand::Status { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn distribute(
    coordinator: &NodeConnection,
    confirmation: &ConfirmationArguments,
) -> anyhow::Result<()> {
    let plan = cluster::plan_distribution(coordinator).await?;
    if plan.is_empty() {
        output::line("every table is distributed already");
    } else if confirmed(&plan.describe(), confirmation)? {
        plan.run(coordinator, &output::line).await?;
    }
    Ok(())
}

async fn add_worker(
    coordinator: &NodeConnection,
    worker: &HostPort,
    confirmation: &ConfirmationArguments,
) -> anyhow::Result<()> {
    let plan = cluster::plan_add(coordinator, worker, &output::line).await?;
    if confirmed(&[plan.describe()], confirmation)? {
        plan.run(coordinator, &output::line).await?;
        output::line("next: `pigeonhole cluster rebalance` moves shards to it");
    }
    Ok(())
}

async fn remove_worker(
    coordinator: &NodeConnection,
    worker: &HostPort,
    confirmation: &ConfirmationArguments,
) -> anyhow::Result<()> {
    let plan = cluster::plan_remove(coordinator, worker).await?;
    if confirmed(&[plan.describe()], confirmation)? {
        plan.run(coordinator, &output::line).await?;
    }
    Ok(())
}

async fn undrain(
    coordinator: &NodeConnection,
    worker: &HostPort,
    arguments: &JobArguments,
) -> anyhow::Result<()> {
    let plan = format!("{worker} takes shards again; a running job is stopped");
    if confirmed(&[plan], &arguments.confirmation)? {
        cluster::undrain(coordinator, worker, &output::line).await?;
    }
    Ok(())
}

async fn rebalance(coordinator: &NodeConnection, arguments: &JobArguments) -> anyhow::Result<ExitCode> {
    coordinator.require_cluster().await?;
    if let Some(job) = cluster::running_job(coordinator).await? {
        output::line(&format!("job {} ({}) is {}", job.id, job.description, job.state));
        return follow::follow(coordinator, job.id).await;
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
    let IsolateArguments { tenant, to, alone, .. } = arguments;
    let plan = cluster::plan_isolation(coordinator, cluster::IsolationRequest { tenant, to, alone }).await?;
    if confirmed(&plan.describe(), &arguments.confirmation)? {
        plan.run(coordinator, &output::line).await?;
    }
    Ok(())
}

async fn backup_point(coordinator: &NodeConnection, name: &str) -> anyhow::Result<()> {
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
    Ok(())
}

async fn stop(coordinator: &NodeConnection, confirmation: &ConfirmationArguments) -> anyhow::Result<()> {
    let Some(job) = cluster::running_job(coordinator).await? else {
        output::line("no job is running");
        return Ok(());
    };
    let plan = format!("stop job {} ({}), which is {}", job.id, job.description, job.state);
    if confirmed(&[plan], confirmation)? {
        cluster::stop_job(coordinator, &job, &output::line).await?;
    }
    Ok(())
}
