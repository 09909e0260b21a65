//! Who did what to the cluster, kept in a table of the coordinator.

use super::error::ClusterError;
use super::session::Session;

/// An operation that was begun and written down.
pub struct Event {
    id: i64,
}

/// A line of the record.
#[derive(serde::Serialize)]
pub struct EventLine {
    /// When it began, UTC.
    pub at: chrono::DateTime<chrono::Utc>,
    /// The account, the database user and where the connection came from.
    pub who: String,
    /// The subcommand.
    pub command: String,
    /// On what.
    pub detail: String,
    /// started, done, failed or stopped.
    pub outcome: String,
    /// Why it failed.
    pub message: String,
}

/// Writes down that `command` begins.
pub(crate) async fn begin(coordinator: &Session, command: &str, detail: &str) -> Result<Event, ClusterError> {
    let account = uzers::get_current_username().map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let account = format!("{account}@{}", host.trim());
    let sql = "INSERT INTO operator.events (who, command, detail)
               VALUES ($1 || ' as ' || session_user || coalesce(' from ' || host(inet_client_addr()), ''), $2, $3) RETURNING id";
    let row = coordinator.row("writing down the event", sql, &[&account, &command, &detail]).await?;
    Ok(Event { id: row.get(0) })
}

impl Event {
    /// Notes which background job does the work.
    pub(crate) async fn job(&self, coordinator: &Session, job: i64) -> Result<(), ClusterError> {
        let sql = "UPDATE operator.events SET job = $2 WHERE id = $1";
        coordinator.rows("writing down the event", sql, &[&self.id, &job]).await.map(|_| ())
    }

    /// Writes down how it ended, and hands the result on.
    pub(crate) async fn end<T>(self, coordinator: &Session, result: Result<T, ClusterError>) -> Result<T, ClusterError> {
        let (outcome, message) = match &result {
            Ok(_) => ("done", String::new()),
            Err(error) => ("failed", error.to_string()),
        };
        let sql = "UPDATE operator.events SET outcome = $2, message = $3, finished_at = now() WHERE id = $1";
        let written = coordinator.rows("writing down the event", sql, &[&self.id, &outcome, &message]).await;
        let value = result?;
        written?;
        Ok(value)
    }
}

/// Closes the events of jobs that have ended since, also where the command that began them is gone.
pub(crate) async fn settle_jobs(coordinator: &Session) -> Result<(), ClusterError> {
    let sql = "UPDATE operator.events e
               SET finished_at = coalesce(j.finished_at, now()),
                   outcome = CASE j.state::text WHEN 'finished' THEN 'done' WHEN 'cancelled' THEN 'stopped' ELSE 'failed' END
               FROM pg_dist_background_job j
               WHERE j.job_id = e.job AND e.outcome = 'started' AND j.state::text IN ('finished', 'cancelled', 'failed')";
    coordinator.run("closing events", sql).await
}

/// The latest lines, newest first.
pub(crate) async fn latest(coordinator: &Session, count: i64) -> Result<Vec<EventLine>, ClusterError> {
    let sql = "SELECT started_at, who, command, detail, outcome, message FROM operator.events ORDER BY id DESC LIMIT $1";
    let rows = coordinator.rows("reading events", sql, &[&count]).await?;
    Ok(rows
        .iter()
        .map(|row| EventLine {
            at: row.get(0),
            who: row.get(1),
            command: row.get(2),
            detail: row.get(3),
            outcome: row.get(4),
            message: row.get(5),
        })
        .collect())
}
