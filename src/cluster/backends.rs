//! One server process of a node: ending its statement or its session.

use super::address::NodeAddress;
use super::error::{ClusterError, obstacle};
use super::events;
use super::node_connection::NodeConnection;

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendAction {
    /// Its statement is cancelled; the session goes on.
    Cancel,
    /// Its session is closed.
    Terminate,
}

impl BackendAction {
    /// PostgreSQL's function.
    pub fn function(self) -> &'static str {
        match self {
            Self::Cancel => "pg_cancel_backend",
            Self::Terminate => "pg_terminate_backend",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Terminate => "terminate",
        }
    }
}

/// A server process as somebody saw it. Process numbers are given out again, and a statement that ended was
/// not the one that was meant; times in microseconds since 1970.
pub struct Backend {
    /// The node; none for the server that DATABASE_URL names.
    pub address: Option<NodeAddress>,
    /// The process.
    pub pid: i32,
    /// When its session began.
    pub began: i64,
    /// When its statement began.
    pub statement_began: i64,
}

const FIND: &str = "
    SELECT (extract(epoch FROM backend_start) * 1000000)::bigint = $2,
           coalesce((extract(epoch FROM query_start) * 1000000)::bigint, 0) = $3,
           coalesce(usename::text, '?'), application_name
    FROM pg_stat_activity WHERE pid = $1";

/// Ends it, and writes down who did.
///
/// # Errors
/// When it is over already, when this user may not, or when a node does not answer.
pub async fn end(
    coordinator: &NodeConnection,
    backend: &Backend,
    ending: BackendAction,
) -> Result<String, ClusterError> {
    let own;
    let connection = match &backend.address {
        Some(address) => {
            own = NodeConnection::node(coordinator.config(), address).await?;
            &own
        }
        None => coordinator,
    };
    let place = connection.name().to_owned();
    let pid = backend.pid;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&pid, &backend.began, &backend.statement_began];
    let rows = connection.rows("looking for the process", FIND, &values).await?;
    let Some(row) = rows.first().filter(|row| row.get::<_, bool>(0)) else {
        return obstacle(format!("process {pid} on {place} has ended meanwhile; nothing was done"));
    };
    if ending == BackendAction::Cancel && !row.get::<_, bool>(1) {
        return obstacle(format!(
            "the statement of process {pid} on {place} has ended meanwhile; nothing was done"
        ));
    }
    let whose = format!(
        "pid {pid} on {place}, user {}, application {}",
        row.get::<_, &str>(2),
        row.get::<_, &str>(3)
    );
    let event = events::begin(coordinator, ending.command(), &whose).await?;
    let done = signal(connection, pid, ending).await;
    event.end(coordinator, done).await?;
    Ok(whose)
}

async fn signal(connection: &NodeConnection, pid: i32, ending: BackendAction) -> Result<(), ClusterError> {
    let call = format!("SELECT {}($1::integer)", ending.function());
    let place = connection.name();
    match connection.rows("ending it", &call, &[&pid]).await {
        Ok(rows) if rows.first().is_some_and(|row| row.get(0)) => Ok(()),
        Ok(_) => obstacle(format!("process {pid} on {place} has ended meanwhile")),
        Err(error) => obstacle(format!(
            "{}. As a superuser on {place}: SELECT {}({pid});",
            error.to_string().trim_end_matches('.'),
            ending.function()
        )),
    }
}
