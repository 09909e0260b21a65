//! The moves of a job as bars over time (a Gantt chart).

use chrono::{DateTime, Utc};

use crate::monitor::{JobMoves, ShardMove, bytes, seconds};

/// The bars' area in a picture that is 1000 wide.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 990.0;
const ROW: usize = 22;
const TOP: usize = 24;
/// Rows of the chart; the table has all moves.
const MOST: usize = 60;

pub(super) struct Gantt {
    pub rows: Vec<MoveRow>,
    pub ticks: Vec<(f64, String)>,
    pub height: usize,
    /// Moves that are not drawn.
    pub hidden: usize,
}

/// The row of a move.
pub(super) struct MoveRow {
    pub y: usize,
    pub name: String,
    /// For screen readers and as a tooltip.
    pub label: String,
    pub bars: Vec<MoveBar>,
    /// The text in place of a bar.
    pub note: String,
}

/// An interval in which the move ran.
pub(super) struct MoveBar {
    pub x: f64,
    pub width: f64,
    /// done, running or failed.
    pub kind: &'static str,
    /// The copied share of the width while the move runs, 0 to 1.
    pub copied: f64,
}

/// Draws the moves as of `now`.
pub(super) fn draw(moves: &JobMoves, now: DateTime<Utc>) -> Gantt {
    let until = moves.job.finished_at.unwrap_or(now);
    let begins = moves.tasks.iter().flat_map(|task| task.ran.first()).map(|interval| interval.from);
    let from = begins.chain(moves.job.started_at).min().unwrap_or(until);
    let scale = Scale { from, seconds: span(from, until).max(1.0) };
    let mut shown: Vec<&ShardMove> = moves.tasks.iter().collect();
    // Of a long job the running, failed and waiting moves, before those that are done.
    if shown.len() > MOST {
        shown.sort_by_key(|task| (rank(&task.status), task.task));
        shown.truncate(MOST);
        shown.sort_by_key(|task| task.task);
    }
    let rows: Vec<MoveRow> =
        shown.iter().enumerate().map(|(index, task)| row(index, task, &scale, until)).collect();
    Gantt {
        height: TOP + rows.len() * ROW + 4,
        ticks: scale.ticks(),
        hidden: moves.tasks.len() - rows.len(),
        rows,
    }
}

fn rank(status: &str) -> u8 {
    match status {
        "running" | "cancelling" => 0,
        "error" => 1,
        "done" => 3,
        _ => 2,
    }
}

fn row(index: usize, task: &ShardMove, scale: &Scale, until: DateTime<Utc>) -> MoveRow {
    let bars: Vec<MoveBar> = task
        .ran
        .iter()
        .map(|interval| {
            let (x, end) = (scale.x(interval.from), scale.x(interval.to.unwrap_or(until)));
            let kind = match (interval.to, interval.failed) {
                (None, _) => "running",
                (_, true) => "failed",
                _ => "done",
            };
            MoveBar {
                x,
                width: (end - x).max(2.0),
                kind,
                copied: if interval.to.is_none() { share(task) } else { 0.0 },
            }
        })
        .collect();
    let note = match (bars.is_empty(), task.status.as_str()) {
        (true, "done") => "done at an unknown time",
        (true, "runnable" | "blocked") => "waits",
        (true, status) => status,
        _ => "",
    };
    MoveRow {
        y: TOP + index * ROW,
        label: label(task, until),
        name: task.what.chars().take(26).collect(),
        note: note.to_owned(),
        bars,
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes in a picture, roughly")]
fn share(task: &ShardMove) -> f64 {
    if task.bytes > 0 { (task.copied as f64 / task.bytes as f64).clamp(0.0, 1.0) } else { 0.0 }
}

fn label(task: &ShardMove, until: DateTime<Utc>) -> String {
    let way =
        if task.from.is_empty() { String::new() } else { format!(" from {} to {}", task.from, task.to) };
    let ran: f64 = task.ran.iter().map(|interval| span(interval.from, interval.to.unwrap_or(until))).sum();
    let ran = if task.ran.is_empty() { String::new() } else { format!(", ran {}", seconds(ran)) };
    let phase =
        if task.phase.is_empty() { String::new() } else { format!(", {}", task.phase.to_lowercase()) };
    let lag = task
        .lag
        .filter(|lag| *lag > 0)
        .map_or_else(String::new, |lag| format!(", {} of log behind", bytes(lag)));
    let retries =
        if task.retries > 0 { format!(", {} attempts failed", task.retries) } else { String::new() };
    format!(
        "{}{way}: {}{phase}, {} of {} copied{lag}{ran}{retries}",
        task.what,
        task.status,
        bytes(task.copied),
        bytes(task.bytes)
    )
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds in a picture")]
fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

struct Scale {
    from: DateTime<Utc>,
    seconds: f64,
}

impl Scale {
    fn x(&self, at: DateTime<Utc>) -> f64 {
        (LEFT + span(self.from, at) / self.seconds * (RIGHT - LEFT)).clamp(LEFT, RIGHT)
    }

    /// Four steps at most, each of a round length.
    fn ticks(&self) -> Vec<(f64, String)> {
        let steps = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
            14400.0, 43200.0,
        ];
        let step = steps.into_iter().find(|step| self.seconds / step <= 5.0).unwrap_or(86_400.0);
        let mut ticks = Vec::new();
        let mut at = 0.0;
        while at <= self.seconds && ticks.len() < 12 {
            let x = LEFT + at / self.seconds * (RIGHT - LEFT);
            ticks.push((
                x,
                if at == 0.0 { self.from.format("%H:%M:%S").to_string() } else { format!("+{}", plain(at)) },
            ));
            at += step;
        }
        ticks
    }
}

fn plain(count: f64) -> String {
    match count {
        count if count < 60.0 => format!("{count:.0} s"),
        count if count < 3600.0 => format!("{:.0} min", count / 60.0),
        count => format!("{:.0} h", count / 3600.0),
    }
}
