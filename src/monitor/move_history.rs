//! When shard moves began and ended. Citus records the times of a job, but not of its tasks. Therefore this
//! process polls every few seconds while a job runs and remembers the times. Moves that ran before the
//! process started have none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::Nodes;
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

const RUNNING_INTERVAL: Duration = Duration::from_secs(2);
const IDLE_INTERVAL: Duration = Duration::from_secs(5);
/// The most tasks that are remembered.
const MOST: usize = 5000;

/// The times of tasks that this process has observed.
pub struct MoveHistory {
    since: DateTime<Utc>,
    tasks: Mutex<BTreeMap<i64, TaskHistory>>,
}

#[derive(Default)]
struct TaskHistory {
    status: String,
    observed_at: DateTime<Utc>,
    intervals: Vec<Interval>,
}

/// An attempt of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interval {
    pub from: DateTime<Utc>,
    /// When it ended, or when a poll noticed that; none while it runs.
    pub to: Option<DateTime<Utc>>,
    pub failed: bool,
}

/// The state of a task at one poll.
pub(super) struct TaskObservation<'a> {
    pub task: i64,
    pub status: &'a str,
    /// When the background worker that runs the task started.
    pub running_since: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

impl Default for MoveHistory {
    fn default() -> Self {
        Self { since: Utc::now(), tasks: Mutex::default() }
    }
}

impl MoveHistory {
    /// When this process started to observe.
    pub fn since(&self) -> DateTime<Utc> {
        self.since
    }

    /// Updates the history.
    pub(super) fn observe(&self, seen: &TaskObservation<'_>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match tasks.get_mut(&seen.task) {
            Some(task) => task.observe(seen, true),
            None => tasks.entry(seen.task).or_default().observe(seen, false),
        }
        while tasks.len() > MOST {
            tasks.pop_first();
        }
    }

    /// The attempts of a task.
    pub(super) fn of(&self, task: i64) -> Vec<Interval> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(&task).map(|task| task.intervals.clone()).unwrap_or_default()
    }
}

impl TaskHistory {
    /// `known`: the task was observed before.
    fn observe(&mut self, seen: &TaskObservation<'_>, known: bool) {
        let never_ran = self.intervals.is_empty();
        let open = self.intervals.last_mut().filter(|interval| interval.to.is_none());
        match (seen.running_since, open) {
            // Another worker runs it now: the earlier attempt failed between two polls.
            (Some(from), Some(interval)) if interval.from != from => {
                *interval = Interval { to: Some(from.max(interval.from)), failed: true, ..interval.clone() };
                self.intervals.push(Interval { from, to: None, failed: false });
            }
            (Some(from), None) if !is_over(seen.status) => {
                self.intervals.push(Interval { from, to: None, failed: false });
            }
            (None, Some(interval)) => {
                interval.to = Some(seen.now);
                interval.failed = seen.status != "done";
            }
            // It began and ended between two polls.
            (None, None) if known && never_ran && seen.status == "done" && !is_over(&self.status) => {
                self.intervals.push(Interval { from: self.observed_at, to: Some(seen.now), failed: false });
            }
            _ => {}
        }
        seen.status.clone_into(&mut self.status);
        self.observed_at = seen.now;
    }
}

fn is_over(status: &str) -> bool {
    ["done", "error", "unscheduled", "cancelled"].contains(&status)
}

// The pid stays in the row after the task has ended, so the status decides whether the process is its worker.
const TASKS: &str = "
    SELECT t.task_id, t.status::text, a.backend_start, now(), j.finished_at IS NULL
    FROM pg_dist_background_job j JOIN pg_dist_background_task t USING (job_id)
    LEFT JOIN pg_stat_activity a ON a.pid = t.pid AND t.status::text IN ('running', 'cancelling')
    WHERE j.finished_at IS NULL OR j.finished_at > now() - interval '20 seconds'";

/// Polls until aborted, more often while a job runs.
pub async fn watch_jobs_forever(nodes: Arc<Nodes>, history: Arc<MoveHistory>) {
    let mut running = false;
    loop {
        tokio::time::sleep(if running { RUNNING_INTERVAL } else { IDLE_INTERVAL }).await;
        running = match nodes.ask_coordinator(async |connection| poll(connection, &history).await).await {
            Ok(running) => running,
            Err(error) => {
                log::debug!("background jobs could not be polled: {error}");
                false
            }
        };
    }
}

/// Whether a job runs.
async fn poll(coordinator: &NodeConnection, history: &MoveHistory) -> Result<bool, ClusterError> {
    if !coordinator.has_citus().await? {
        return Ok(false);
    }
    let mut running = false;
    for row in coordinator.rows("looking at jobs", TASKS, &[]).await? {
        history.observe(&TaskObservation {
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
    fn attempts_have_their_own_times_and_unobserved_tasks_have_none() {
        let history = MoveHistory::default();
        let observe = |task, status, since: Option<i64>, now| {
            history.observe(&TaskObservation { task, status, running_since: since.map(at), now: at(now) })
        };
        observe(1, "runnable", None, 0);
        observe(1, "running", Some(1), 2);
        assert_eq!(history.of(1), [interval(1, None, false)]);
        observe(1, "runnable", None, 4);
        observe(1, "running", Some(7), 8);
        observe(1, "running", Some(9), 10);
        observe(1, "done", None, 12);
        observe(1, "done", None, 14);
        assert_eq!(
            history.of(1),
            [interval(1, Some(4), true), interval(7, Some(9), true), interval(9, Some(12), false)]
        );

        observe(2, "runnable", None, 0);
        observe(2, "done", None, 2);
        assert_eq!(history.of(2), [interval(0, Some(2), false)]);

        observe(3, "done", None, 5);
        observe(3, "done", None, 7);
        assert_eq!(history.of(3), []);
    }
}
