//! Ending one PostgreSQL backend: cancel its statement or terminate its session.

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::events;
use super::node_connection::{NodeConnection, Values};

/// What to do to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendAction {
    /// Cancel its statement; the session continues.
    Cancel,
    /// Close its session, which rolls its transaction back.
    Terminate,
}

impl BackendAction {
    /// The PostgreSQL function that does it.
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

/// A backend as the operator saw it. Process numbers are reused, and the statement that the operator saw may
/// have ended: the start times, in microseconds since 1970, show that.
pub struct Backend {
    /// None for the server that DATABASE_URL names.
    pub address: Option<HostPort>,
    pub pid: i32,
    /// When its session began.
    pub began: i64,
    pub statement_began: i64,
}

const FIND: &str = "
    SELECT (extract(epoch FROM backend_start) * 1000000)::bigint = $2,
           coalesce((extract(epoch FROM query_start) * 1000000)::bigint, 0) = $3,
           coalesce(usename::text, '?'), application_name
    FROM pg_stat_activity WHERE pid = $1";

/// Ends the backend's statement or session and records the event. Returns a description of the backend.
///
/// # Errors
/// When the statement or session has ended already, when the user lacks the privilege, or when the node does
/// not answer.
pub async fn end(
    coordinator: &NodeConnection,
    backend: &Backend,
    action: BackendAction,
) -> Result<String, ClusterError> {
    let opened;
    let connection = match &backend.address {
        Some(address) => {
            opened = NodeConnection::node(coordinator.config(), address).await?;
            &opened
        }
        None => coordinator,
    };
    let node = connection.name().to_owned();
    let pid = backend.pid;
    let values: Values = &[&pid, &backend.began, &backend.statement_began];
    let rows = connection.rows("looking for the process", FIND, values).await?;
    let Some(row) = rows.first().filter(|row| row.get::<_, bool>(0)) else {
        return obstacle(format!("process {pid} on {node} has ended meanwhile; nothing was done"));
    };
    if action == BackendAction::Cancel && !row.get::<_, bool>(1) {
        return obstacle(format!(
            "the statement of process {pid} on {node} has ended meanwhile; nothing was done"
        ));
    }
    let description =
        format!("pid {pid} on {node}, user {}, application {}", row.get::<_, &str>(2), row.get::<_, &str>(3));
    let event = events::begin(coordinator, action.command(), &description).await?;
    let result = signal(connection, pid, action).await;
    event.end(coordinator, result).await?;
    Ok(description)
}

async fn signal(connection: &NodeConnection, pid: i32, action: BackendAction) -> Result<(), ClusterError> {
    let call = format!("SELECT {}($1::integer)", action.function());
    let node = connection.name();
    match connection.rows("ending it", &call, &[&pid]).await {
        Ok(rows) if rows.first().is_some_and(|row| row.get(0)) => Ok(()),
        Ok(_) => obstacle(format!("process {pid} on {node} has ended meanwhile")),
        Err(error) => obstacle(format!(
            "{}. As a superuser on {node}: SELECT {}({pid});",
            error.to_string().trim_end_matches('.'),
            action.function()
        )),
    }
}
