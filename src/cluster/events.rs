//! The record of operations on the cluster, in the coordinator's table operator.events.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

/// The record of an operation that has begun.
pub struct Event {
    id: i64,
}

/// A row of operator.events.
#[derive(Clone, Debug, serde::Serialize)]
pub struct EventLine {
    /// When it began.
    pub at: chrono::DateTime<chrono::Utc>,
    pub ended_at: Option<chrono::DateTime<chrono::Utc>>,
    /// The account or the console with its client address, and the database user.
    pub who: String,
    /// The subcommand of `pigeonhole cluster`.
    pub command: String,
    /// What it is applied to, for example a tenant or a node.
    pub detail: String,
    /// The Citus background job that does the work.
    pub job: Option<i64>,
    /// started, done, failed or stopped.
    pub outcome: String,
    /// Why it failed.
    pub message: String,
}

const LINES: &str =
    "SELECT started_at, finished_at, who, command, detail, job, outcome, message FROM operator.events";

impl EventLine {
    /// Reads a row of [`LINES`].
    fn from_row(row: &tokio_postgres::Row) -> Self {
        Self {
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
}

/// Records that `command` begins. The actor is the connection's, or the account that runs this program.
pub(crate) async fn begin(
    coordinator: &NodeConnection,
    command: &str,
    detail: &str,
) -> Result<Event, ClusterError> {
    let (who, local) = match coordinator.actor() {
        Some(actor) => (actor.to_owned(), false),
        None => (account(), true),
    };
    let sql = "INSERT INTO operator.events (who, command, detail)
               VALUES ($1 || ' as ' || session_user
                       || CASE WHEN $4 THEN coalesce(' from ' || host(inet_client_addr()), '') ELSE '' END,
                       $2, $3) RETURNING id";
    let row = coordinator.row("writing down the event", sql, &[&who, &command, &detail, &local]).await?;
    Ok(Event { id: row.get(0) })
}

/// Does the work of an operation, and records that it began and how it ended.
///
/// # Errors
/// That of the work, or that of the record.
pub async fn record_operation<T>(
    coordinator: &NodeConnection,
    command: &str,
    detail: &str,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let event = begin(coordinator, command, detail).await?;
    event.end(coordinator, work.await).await
}

/// The account that runs this program, as name@host.
fn account() -> String {
    let name = uzers::get_current_username()
        .map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{name}@{}", host.trim())
}

impl Event {
    /// Records which background job does the work.
    pub(crate) async fn job(&self, coordinator: &NodeConnection, job: i64) -> Result<(), ClusterError> {
        let sql = "UPDATE operator.events SET job = $2 WHERE id = $1";
        coordinator.rows("writing down the event", sql, &[&self.id, &job]).await.map(|_| ())
    }

    /// Records the outcome, and returns `result`.
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

/// Records the outcome of jobs that have ended. The program that started a job may have ended before it.
pub(crate) async fn close_job_events(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "UPDATE operator.events e
               SET finished_at = coalesce(j.finished_at, now()),
                   outcome = CASE j.state::text WHEN 'finished' THEN 'done'
                                                WHEN 'cancelled' THEN 'stopped' ELSE 'failed' END
               FROM pg_dist_background_job j
               WHERE j.job_id = e.job AND e.outcome = 'started'
                 AND j.state::text IN ('finished', 'cancelled', 'failed')";
    coordinator.run("closing events", sql).await
}

/// The latest `count` events, newest first.
pub(crate) async fn latest(coordinator: &NodeConnection, count: i64) -> Result<Vec<EventLine>, ClusterError> {
    let rows =
        coordinator.rows("reading events", &format!("{LINES} ORDER BY id DESC LIMIT $1"), &[&count]).await?;
    Ok(rows.iter().map(EventLine::from_row).collect())
}

/// At most `most` events of the last `seconds`, and the latest `before` events from before that time. Both
/// newest first.
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
    Ok((inside.iter().map(EventLine::from_row).collect(), earlier.iter().map(EventLine::from_row).collect()))
}

/// Operations without a background job whose end is not recorded: splits and other long statements.
pub(crate) async fn unfinished(coordinator: &NodeConnection) -> Result<Vec<EventLine>, ClusterError> {
    let sql = format!("{LINES} WHERE outcome = 'started' AND job IS NULL ORDER BY id DESC LIMIT 20");
    Ok(coordinator.rows("reading events", &sql, &[]).await?.iter().map(EventLine::from_row).collect())
}
