//! Citus background jobs. Background workers of the coordinator move the shards. They continue after the
//! session that started the job ends, and after the coordinator restarts.

use std::time::Duration;

use tokio_postgres::Config;

use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;
use super::say::Say;
use super::{events, executors, pins};

/// How often [`finish_when_done`] checks its job.
const POLL_INTERVAL: Duration = Duration::from_secs(3);

/// Together 30 seconds.
const CANCEL_CHECKS: u32 = 60;
const CANCEL_PAUSE: Duration = Duration::from_millis(500);

/// A background job that has not ended.
#[derive(Clone, Debug)]
pub struct BackgroundJob {
    pub id: i64,
    /// scheduled, running, cancelling or failing.
    pub state: String,
    /// Citus' description of it.
    pub description: String,
}

/// The job that has not ended, if any: Citus runs one at a time.
///
/// # Errors
/// When the coordinator does not answer.
pub async fn running_job(coordinator: &NodeConnection) -> Result<Option<BackgroundJob>, ClusterError> {
    let sql = "SELECT job_id, state::text, description FROM pg_dist_background_job
               WHERE state::text IN ('scheduled', 'running', 'cancelling', 'failing')
               ORDER BY job_id DESC LIMIT 1";
    let rows = coordinator.rows("looking for jobs", sql, &[]).await?;
    Ok(rows.first().map(|row| BackgroundJob { id: row.get(0), state: row.get(1), description: row.get(2) }))
}

/// Refuses while a job has not ended.
pub(crate) async fn require_none(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    match running_job(coordinator).await? {
        Some(job) => obstacle(format!(
            "job {} ({}) is {}; `pigeonhole cluster rebalance` follows it, `pigeonhole cluster stop` ends it",
            job.id, job.description, job.state
        )),
        None => Ok(()),
    }
}

/// Starts the moves that our rebalance strategy plans, or with `drain_only` only those away from drained
/// nodes. Returns the job's number; none when no shard has to move.
pub(crate) async fn start(
    coordinator: &NodeConnection,
    drain_only: bool,
) -> Result<Option<i64>, ClusterError> {
    executors::raise(coordinator).await?;
    // Citus copies the shards of a bundle in parallel, if its version can.
    let sql = "SELECT 'parallel_transfer_colocated_shards' = ANY (proargnames) FROM pg_proc
               WHERE proname = 'citus_rebalance_start' AND pronamespace = 'pg_catalog'::regnamespace";
    let parallel =
        coordinator.row("looking at Citus", sql, &[]).await?.get::<_, Option<bool>>(0) == Some(true);
    let more = if parallel { ", parallel_transfer_colocated_shards := true" } else { "" };
    let call =
        format!("SELECT citus_rebalance_start('{}', drain_only := {drain_only}{more})", pins::STRATEGY);
    let started = coordinator.row("starting the moves", &call, &[]).await;
    let job: Result<Option<i64>, ClusterError> = started.map(|row| row.get(0));
    if !matches!(job, Ok(Some(_))) {
        executors::lower(coordinator).await?;
    }
    job
}

/// Waits until a job has ended and then calls [`after_job`], for a caller that does not watch the job itself.
/// Retries while the coordinator does not answer.
pub async fn finish_when_done(config: Config, job: i64) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let Ok(coordinator) = NodeConnection::coordinator(&config).await else { continue };
        match running_job(&coordinator).await {
            Ok(Some(running_job)) if running_job.id == job => {}
            // A later job runs. The caller that started it runs after_job at its end.
            Ok(Some(_)) => return,
            Ok(None) => match after_job(&coordinator).await {
                Ok(()) => return,
                Err(error) => {
                    log::warn!("job {job} has ended, and its settings could not be put back yet: {error}")
                }
            },
            Err(_) => {}
        }
    }
}

/// After a job has ended: restores the executors' limits, updates the pins and records the outcome.
pub(crate) async fn after_job(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    executors::lower(coordinator).await?;
    pins::follow_moved_shards(coordinator).await?;
    events::close_job_events(coordinator).await
}

/// Cancels a job. Finished moves stay; Citus rolls the running ones back.
///
/// # Errors
/// When it does not end within 30 seconds, which an unreachable node can cause.
pub async fn stop_job(
    coordinator: &NodeConnection,
    job: &BackgroundJob,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    let event = events::begin(coordinator, "stop", &format!("job {}", job.id)).await?;
    let stopped = cancel(coordinator, job, say).await;
    event.end(coordinator, stopped).await
}

async fn cancel(coordinator: &NodeConnection, job: &BackgroundJob, say: Say<'_>) -> Result<(), ClusterError> {
    coordinator.rows("stopping the job", "SELECT citus_job_cancel($1)", &[&job.id]).await?;
    for _ in 0..CANCEL_CHECKS {
        let sql = "SELECT state::text FROM pg_dist_background_job WHERE job_id = $1";
        let state: String = coordinator.row("looking at the job", sql, &[&job.id]).await?.get(0);
        if ["cancelled", "finished", "failed"].contains(&state.as_str()) {
            say(&format!("job {} is {state}; shards that had arrived stay where they are", job.id));
            if coordinator
                .run("cleaning up after moves", "CALL citus_cleanup_orphaned_resources()")
                .await
                .is_err()
            {
                say("what the stopped move left behind is cleaned up within a minute, or when its node is \
                     back");
            }
            return after_job(coordinator).await;
        }
        tokio::time::sleep(CANCEL_PAUSE).await;
    }
    obstacle(format!(
        "job {} was cancelled and has not ended within 30 seconds; is a node of its moves down?",
        job.id
    ))
}
