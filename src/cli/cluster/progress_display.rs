//! The progress of a background job on standard output.

use std::time::{Duration, Instant};

use super::output;
use crate::cluster::Progress;
use crate::monitor;

/// In characters.
const BAR_WIDTH: usize = 30;
/// Without a terminal a line is printed this often, and whenever the number of finished moves changes.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows a progress bar on a terminal, and lines elsewhere.
pub(super) struct ProgressDisplay {
    terminal: bool,
    last: Option<Progress>,
    last_line_at: Instant,
    /// Keys of the messages that were printed.
    printed: Vec<String>,
}

impl ProgressDisplay {
    pub(super) fn new() -> Self {
        Self {
            terminal: output::is_terminal(),
            last: None,
            last_line_at: Instant::now(),
            printed: Vec::new(),
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        self.print_troubles(progress);
        let line = line(progress);
        if self.terminal {
            output::part(&format!("\r\x1b[K{line}"));
            if progress.is_over() {
                output::line("");
            }
        } else if progress.is_over()
            || self.last_line_at.elapsed() > LINE_INTERVAL
            || self.last.as_ref().is_none_or(|last| last.moves != progress.moves)
        {
            output::line(&line);
            self.last_line_at = Instant::now();
        }
        self.last = Some(progress.clone());
    }

    fn print_troubles(&mut self, progress: &Progress) {
        for trouble in &progress.failed_attempts {
            self.print_once(trouble);
        }
        for node in &progress.unreachable {
            self.print_once(&format!(
                "STUCK: {node}; the moves wait for it. Bring it back, or `pigeonhole cluster stop`"
            ));
        }
        if progress.unreachable.is_empty() {
            self.printed.retain(|line| !line.starts_with("STUCK"));
        }
        for blocker in &progress.blockers {
            let text = format!("WAITING: {}. {}", blocker.finding(), blocker.remedy());
            self.print_once_by_key(&blocker.name(), &text);
        }
    }

    /// Prints a message unless it was printed before.
    pub(super) fn print_once(&mut self, text: &str) {
        self.print_once_by_key(text, text);
    }

    /// For a message whose text contains a time, so that it differs each time.
    fn print_once_by_key(&mut self, key: &str, text: &str) {
        if !self.printed.iter().any(|printed| printed == key) {
            output::line(&format!("{}{text}", if self.terminal { "\r\x1b[K" } else { "" }));
            self.printed.push(key.to_owned());
        }
    }
}

fn line(progress: &Progress) -> String {
    let (copied, all) = progress.bytes;
    let share = if all > 0 { usize::try_from(copied * 100 / all).unwrap_or(0).min(100) } else { 0 };
    let full = share * BAR_WIDTH / 100;
    let bar = format!("[{}{}]", "#".repeat(full), "-".repeat(BAR_WIDTH - full));
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
