//! Starts and follows a background job. The job does not depend on this process.

use std::process::ExitCode;
use std::time::Duration;

use super::arguments::JobArguments;
use super::confirm::confirmed;
use super::output;
use super::progress_display::ProgressDisplay;
use crate::cluster::{Follower, MovePlan, NodeConnection, Progress};
use crate::monitor;

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Failed polls in a row after which the command gives up.
const FAILURE_LIMIT: u32 = 120;

/// Shows the plan, asks, starts the job, and follows it.
///
/// # Errors
/// One line that says what failed.
pub(super) async fn start(
    coordinator: &NodeConnection,
    moves: &MovePlan,
    arguments: &JobArguments,
) -> anyhow::Result<ExitCode> {
    let lines = describe(moves);
    let nothing_to_do = moves.count() == 0 && !moves.drains();
    if arguments.plan || nothing_to_do {
        lines.iter().for_each(|line| output::line(line));
        return Ok(ExitCode::SUCCESS);
    }
    if !confirmed(&lines, &arguments.confirmation)? {
        return Ok(ExitCode::SUCCESS);
    }
    let Some(job) = moves.start(coordinator).await? else {
        output::line("nothing had to move");
        return Ok(ExitCode::SUCCESS);
    };
    output::line(&format!("job {job} has started in the background"));
    if arguments.background {
        output::line("`pigeonhole cluster rebalance` follows it, `pigeonhole cluster stop` ends it");
        return Ok(ExitCode::SUCCESS);
    }
    follow(coordinator, job).await
}

fn describe(moves: &MovePlan) -> Vec<String> {
    let mut lines = Vec::new();
    if moves.count() == 0 {
        lines.push("no shard has to move".to_owned());
    } else {
        lines.push(format!("{} moves, {} to copy", moves.count(), monitor::bytes(moves.total())));
        for ((from, to), (count, bytes)) in &moves.between {
            lines.push(format!("{from} to {to}: {count} moves, {}", monitor::bytes(*bytes)));
        }
    }
    for (node, before, after) in &moves.bytes {
        let change =
            if before == after { String::new() } else { format!(", then {}", monitor::bytes(*after)) };
        lines.push(format!("{node} holds {}{change}", monitor::bytes(*before)));
    }
    lines.extend(moves.remarks.iter().cloned());
    lines
}

/// Shows the progress until the job is over. Ctrl-C ends the display, not the job.
///
/// # Errors
/// When the coordinator has not answered for minutes.
pub(super) async fn follow(coordinator: &NodeConnection, job: i64) -> anyhow::Result<ExitCode> {
    let mut follower = Follower::new(coordinator, job).await?;
    let mut display = ProgressDisplay::new();
    let mut failures = 0;
    loop {
        match follower.poll().await {
            Ok(progress) => {
                failures = 0;
                display.show(&progress);
                if progress.is_over() {
                    follower.after_job().await?;
                    return Ok(finish(job, &progress));
                }
            }
            Err(error) => {
                failures += 1;
                display.print_once(&format!(
                    "cannot look: {error}; the job goes on when the coordinator is back"
                ));
                anyhow::ensure!(
                    failures < FAILURE_LIMIT,
                    "the coordinator has not answered for minutes; the job goes on when it is back"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => {
                output::line(&format!("\njob {job} goes on; `pigeonhole cluster rebalance` follows it \
                    again, `pigeonhole cluster stop` ends it"));
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

fn finish(job: i64, progress: &Progress) -> ExitCode {
    output::line(&format!("job {job} {}", progress.state));
    if progress.state == "finished" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
