//! When moves began and ended. Citus keeps the times of a job and none of its tasks, so this process looks
//! every few seconds while a job runs and remembers; what ran before it was started has no times.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::Nodes;
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

const WHILE_RUNNING: Duration = Duration::from_secs(2);
const OTHERWISE: Duration = Duration::from_secs(5);
/// Tasks that are remembered.
const MOST: usize = 5000;

/// What was seen of tasks.
pub struct MoveHistory {
    since: DateTime<Utc>,
    tasks: Mutex<BTreeMap<i64, Task>>,
}

#[derive(Default)]
struct Task {
    status: String,
    looked: DateTime<Utc>,
    intervals: Vec<Interval>,
}

/// From when to when a task ran; open while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interval {
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended, or was found to have.
    pub to: Option<DateTime<Utc>>,
    /// Whether it was an attempt that failed.
    pub failed: bool,
}

/// A task at one look.
pub(super) struct TaskObservation<'a> {
    pub task: i64,
    pub status: &'a str,
    /// When the process began that runs it.
    pub running_since: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

impl Default for MoveHistory {
    fn default() -> Self {
        Self { since: Utc::now(), tasks: Mutex::default() }
    }
}

impl MoveHistory {
    /// Since when there are times.
    pub fn since(&self) -> DateTime<Utc> {
        self.since
    }

    /// Takes a look into account.
    pub(super) fn observe(&self, look: &TaskObservation<'_>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tasks.contains_key(&look.task);
        let task = tasks.entry(look.task).or_default();
        let untimed = task.intervals.is_empty();
        let open = task.intervals.last_mut().filter(|interval| interval.to.is_none());
        match (look.running_since, open) {
            (Some(from), Some(interval)) if interval.from != from => {
                *interval = Interval { to: Some(from.max(interval.from)), failed: true, ..interval.clone() };
                task.intervals.push(Interval { from, to: None, failed: false });
            }
            (Some(from), None) if !over(look.status) => {
                task.intervals.push(Interval { from, to: None, failed: false })
            }
            (None, Some(interval)) => {
                interval.to = Some(look.now);
                interval.failed = look.status != "done";
            }
            // It began and ended between two looks.
            (None, None) if known && untimed && look.status == "done" && !over(&task.status) => {
                task.intervals.push(Interval { from: task.looked, to: Some(look.now), failed: false });
            }
            _ => {}
        }
        look.status.clone_into(&mut task.status);
        task.looked = look.now;
        while tasks.len() > MOST {
            tasks.pop_first();
        }
    }

    /// When a task ran.
    pub(super) fn of(&self, task: i64) -> Vec<Interval> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(&task).map(|task| task.intervals.clone()).unwrap_or_default()
    }
}

fn over(status: &str) -> bool {
    ["done", "error", "unscheduled", "cancelled"].contains(&status)
}

// A running task's process is there; its number stays in the row afterwards.
const LOOK: &str = "
    SELECT t.task_id, t.status::text, a.backend_start, now(), j.finished_at IS NULL
    FROM pg_dist_background_job j JOIN pg_dist_background_task t USING (job_id)
    LEFT JOIN pg_stat_activity a ON a.pid = t.pid AND t.status::text IN ('running', 'cancelling')
    WHERE j.finished_at IS NULL OR j.finished_at > now() - interval '20 seconds'";

/// Looks until it is aborted.
pub async fn watch_jobs_forever(nodes: Arc<Nodes>, seen: Arc<MoveHistory>) {
    let mut running = false;
    loop {
        tokio::time::sleep(if running { WHILE_RUNNING } else { OTHERWISE }).await;
        running = match nodes.ask_coordinator(async |connection| look(connection, &seen).await).await {
            Ok(running) => running,
            Err(error) => {
                log::debug!("jobs were not looked at: {error}");
                false
            }
        };
    }
}

async fn look(connection: &NodeConnection, seen: &MoveHistory) -> Result<bool, ClusterError> {
    if !connection.has_citus().await? {
        return Ok(false);
    }
    let mut running = false;
    for row in connection.rows("looking at jobs", LOOK, &[]).await? {
        seen.observe(&TaskObservation {
            task: row.get(0),
            status: row.get(1),
            running_since: row.get(2),
            now: row.get(3),
        });
        running |= row.get::<_, bool>(4);
    }
    Ok(running)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + second, 0).expect("a time")
    }

    fn interval(from: i64, to: Option<i64>, failed: bool) -> Interval {
        Interval { from: at(from), to: to.map(at), failed }
    }

    #[test]
    fn attempts_are_told_apart_and_what_was_never_seen_has_no_times() {
        let seen = MoveHistory::default();
        let look = |task, status, since: Option<i64>, now| {
            seen.observe(&TaskObservation { task, status, running_since: since.map(at), now: at(now) })
        };
        look(1, "runnable", None, 0);
        look(1, "running", Some(1), 2);
        assert_eq!(seen.of(1), [interval(1, None, false)]);
        look(1, "runnable", None, 4);
        look(1, "running", Some(7), 8);
        look(1, "running", Some(9), 10);
        look(1, "done", None, 12);
        look(1, "done", None, 14);
        assert_eq!(
            seen.of(1),
            [interval(1, Some(4), true), interval(7, Some(9), true), interval(9, Some(12), false)]
        );

        look(2, "runnable", None, 0);
        look(2, "done", None, 2);
        assert_eq!(seen.of(2), [interval(0, Some(2), false)]);

        look(3, "done", None, 5);
        look(3, "done", None, 7);
        assert_eq!(seen.of(3), []);
    }
}
