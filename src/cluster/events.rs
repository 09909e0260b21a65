//! Who did what to the cluster, kept in a table of the coordinator.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

/// An operation that was begun and written down.
pub struct Event {
    id: i64,
}

/// A line of the record.
#[derive(Clone, Debug, serde::Serialize)]
pub struct EventLine {
    /// When it began, UTC.
    pub at: chrono::DateTime<chrono::Utc>,
    /// When it ended.
    pub ended_at: Option<chrono::DateTime<chrono::Utc>>,
    /// The account or the console and from where, and the database user.
    pub who: String,
    /// The subcommand.
    pub command: String,
    /// On what.
    pub detail: String,
    /// The background job that does the work.
    pub job: Option<i64>,
    /// started, done, failed or stopped.
    pub outcome: String,
    /// Why it failed.
    pub message: String,
}

/// Writes down that `command` begins.
pub(crate) async fn begin(
    coordinator: &NodeConnection,
    command: &str,
    detail: &str,
) -> Result<Event, ClusterError> {
    let (who, here) = match coordinator.actor() {
        Some(actor) => (actor.to_owned(), false),
        None => (account(), true),
    };
    let sql = "INSERT INTO operator.events (who, command, detail)
               VALUES ($1 || ' as ' || session_user ||
               CASE WHEN $4 THEN coalesce(' from ' || host(inet_client_addr()), '')
               ELSE '' END, $2, $3) RETURNING id";
    let row = coordinator.row("writing down the event", sql, &[&who, &command, &detail, &here]).await?;
    Ok(Event { id: row.get(0) })
}

/// The account that runs this program.
fn account() -> String {
    let name = uzers::get_current_username()
        .map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{name}@{}", host.trim())
}

impl Event {
    /// Notes which background job does the work.
    pub(crate) async fn job(&self, coordinator: &NodeConnection, job: i64) -> Result<(), ClusterError> {
        let sql = "UPDATE operator.events SET job = $2 WHERE id = $1";
        coordinator.rows("writing down the event", sql, &[&self.id, &job]).await.map(|_| ())
    }

    /// Writes down how it ended, and hands the result on.
    pub(crate) async fn end<T>(
        self,
        coordinator: &NodeConnection,
        result: Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
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
pub(crate) async fn close_job_events(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "UPDATE operator.events e
               SET finished_at = coalesce(j.finished_at, now()),
                   outcome = CASE j.state::text WHEN 'finished' THEN 'done' WHEN 'cancelled' THEN 'stopped'
                   ELSE 'failed' END
               FROM pg_dist_background_job j
               WHERE j.job_id = e.job AND e.outcome = 'started'
               AND j.state::text IN ('finished', 'cancelled', 'failed')";
    coordinator.run("closing events", sql).await
}

const LINES: &str =
    "SELECT started_at, finished_at, who, command, detail, job, outcome, message FROM operator.events";

/// The latest lines, newest first.
pub(crate) async fn latest(coordinator: &NodeConnection, count: i64) -> Result<Vec<EventLine>, ClusterError> {
    let rows =
        coordinator.rows("reading events", &format!("{LINES} ORDER BY id DESC LIMIT $1"), &[&count]).await?;
    Ok(rows.iter().map(line).collect())
}

/// The lines of the last `seconds`, newest first, and the latest `before` of the time before them.
pub(crate) async fn within(
    coordinator: &NodeConnection,
    seconds: f64,
    most: i64,
    before: i64,
) -> Result<(Vec<EventLine>, Vec<EventLine>), ClusterError> {
    let part = |sign: &str| {
        format!("{LINES} WHERE started_at {sign} now() - make_interval(secs => $1) ORDER BY id DESC LIMIT $2")
    };
    let inside = coordinator.rows("reading events", &part(">="), &[&seconds, &most]).await?;
    let earlier = coordinator.rows("reading events", &part("<"), &[&seconds, &before]).await?;
    Ok((inside.iter().map(line).collect(), earlier.iter().map(line).collect()))
}

/// What was begun, has not ended and is no background job: splits and what else takes its time in a session.
pub(crate) async fn unfinished(coordinator: &NodeConnection) -> Result<Vec<EventLine>, ClusterError> {
    let sql = format!("{LINES} WHERE outcome = 'started' AND job IS NULL ORDER BY id DESC LIMIT 20");
    Ok(coordinator.rows("reading events", &sql, &[]).await?.iter().map(line).collect())
}

fn line(row: &tokio_postgres::Row) -> EventLine {
    EventLine {
        at: row.get(0),
        ended_at: row.get(1),
        who: row.get(2),
        command: row.get(3),
        detail: row.get(4),
        job: row.get(5),
        outcome: row.get(6),
        message: row.get(7),
    }
}
