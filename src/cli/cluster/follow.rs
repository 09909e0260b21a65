//! Watching a background job. It goes on whether or not anybody watches.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::{JobArguments, ask, output};
use crate::cluster::{Follower, MovePlan, NodeConnection, Progress};
use crate::monitor;

const WIDTH: usize = 30;
/// Without a terminal a line is written this often, and when something changes.
const QUIET: Duration = Duration::from_secs(10);

/// Shows the plan, asks, starts it, and watches.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn start(
    coordinator: &NodeConnection,
    moves: &MovePlan,
    arguments: &JobArguments,
) -> anyhow::Result<ExitCode> {
    let lines = describe(moves);
    if arguments.plan {
        lines.iter().for_each(|line| output::line(line));
        return Ok(ExitCode::SUCCESS);
    }
    if moves.count() == 0 && !moves.drains() {
        lines.iter().for_each(|line| output::line(line));
        return Ok(ExitCode::SUCCESS);
    }
    if !ask::agreed(&lines, &arguments.consent)? {
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
    until_over(coordinator, job).await
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

/// Watches until the job is over; Ctrl-C ends the watching only.
///
/// # Errors
/// When the coordinator stays silent.
pub async fn until_over(coordinator: &NodeConnection, job: i64) -> anyhow::Result<ExitCode> {
    let mut follower = Follower::new(coordinator, job).await?;
    let mut screen =
        Screen { terminal: output::is_terminal(), last: None, told: Vec::new(), at: Instant::now() };
    let mut failures = 0;
    loop {
        match follower.poll().await {
            Ok(progress) => {
                failures = 0;
                screen.show(&progress);
                if progress.is_over() {
                    follower.after_job().await?;
                    output::line(&format!("job {job} {}", progress.state));
                    return Ok(if progress.state == "finished" {
                        ExitCode::SUCCESS
                    } else {
                        ExitCode::FAILURE
                    });
                }
            }
            Err(error) => {
                failures += 1;
                screen.tell(&format!("cannot look: {error}; the job goes on when the coordinator is back"));
                anyhow::ensure!(
                    failures < 120,
                    "the coordinator has not answered for minutes; the job goes on when it is back"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = tokio::signal::ctrl_c() => {
                output::line(&format!("\njob {job} goes on; `pigeonhole cluster rebalance` follows it \
                    again, `pigeonhole cluster stop` ends it"));
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

struct Screen {
    terminal: bool,
    last: Option<Progress>,
    told: Vec<String>,
    at: Instant,
}

impl Screen {
    fn show(&mut self, progress: &Progress) {
        for trouble in &progress.failed_attempts {
            self.tell(trouble);
        }
        for dead in &progress.unreachable {
            self.tell(&format!(
                "STUCK: {dead}; the moves wait for it. Bring it back, or `pigeonhole cluster stop`"
            ));
        }
        if progress.unreachable.is_empty() {
            self.told.retain(|line| !line.starts_with("STUCK"));
        }
        for blocker in &progress.blockers {
            self.tell_once(&blocker.name(), &format!("WAITING: {}. {}", blocker.finding(), blocker.remedy()));
        }
        let line = line(progress);
        if self.terminal {
            output::part(&format!("\r\x1b[K{line}"));
            if progress.is_over() {
                output::line("");
            }
        } else if progress.is_over()
            || self.at.elapsed() > QUIET
            || self.last.as_ref().is_none_or(|last| last.moves != progress.moves)
        {
            output::line(&line);
            self.at = Instant::now();
        }
        self.last = Some(progress.clone());
    }

    /// Says something once.
    fn tell(&mut self, text: &str) {
        self.tell_once(text, text);
    }

    /// Says something once that is worded differently each time.
    fn tell_once(&mut self, key: &str, text: &str) {
        if !self.told.iter().any(|told| told == key) {
            output::line(&format!("{}{text}", if self.terminal { "\r\x1b[K" } else { "" }));
            self.told.push(key.to_owned());
        }
    }
}

fn line(progress: &Progress) -> String {
    let (copied, all) = progress.bytes;
    let share = if all > 0 { usize::try_from(copied * 100 / all).unwrap_or(0).min(100) } else { 0 };
    let full = share * WIDTH / 100;
    let bar = format!("[{}{}]", "#".repeat(full), "-".repeat(WIDTH - full));
    let state = if progress.is_stuck() {
        "STUCK"
    } else if progress.blockers.is_empty() {
        progress.state.as_str()
    } else {
        "WAITING"
    };
    let (done, moves) = progress.moves;
    let phases = progress.phases.join("; ");
    format!(
        "{bar} {share:>3} % {} of {}, {done} of {moves} moves, {state} {phases}",
        monitor::bytes(copied),
        monitor::bytes(all)
    )
}
