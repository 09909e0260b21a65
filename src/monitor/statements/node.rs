//! The statistics of one node.

use tokio_postgres::Row;

use super::normalize::normalized;
use super::stats::{CitusCounters, StatementStats};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

const STATEMENTS: &str = "
    SELECT query, calls, total_exec_time, rows FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND query <> '<insufficient privilege>'
    ORDER BY total_exec_time DESC LIMIT 1000";
const COUNTERS: &str = "
    SELECT query_execution_single_shard, query_execution_multi_shard, connection_establishment_succeeded,
           connection_establishment_failed, connection_reused
    FROM citus_stat_counters WHERE name = current_database()";

/// The statements of one node.
pub(super) enum NodeStatements {
    /// pg_stat_statements is not installed.
    NotCounting,
    /// The extension is installed, but reading it fails.
    Unreadable(String),
    /// A statement once for each shard and user.
    Counted(Vec<StatementStats>),
}

/// Reads pg_stat_statements.
pub(super) async fn statements(connection: &NodeConnection) -> Result<NodeStatements, ClusterError> {
    let installed = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
    if !connection.row("looking for statistics", installed, &[]).await?.get::<_, bool>(0) {
        return Ok(NodeStatements::NotCounting);
    }
    // Reading fails when the library is not preloaded, and when a crash has damaged the file.
    match connection.rows("reading statements", STATEMENTS, &[]).await {
        Ok(rows) => Ok(NodeStatements::Counted(rows.iter().map(statement).collect())),
        Err(error @ ClusterError::Refused { .. }) => Ok(NodeStatements::Unreadable(error.to_string())),
        Err(error) => Err(error),
    }
}

fn statement(row: &Row) -> StatementStats {
    let (text, scope) = normalized(row.get(0));
    StatementStats {
        text,
        scope,
        calls: row.get(1),
        total_ms: row.get(2),
        rows: row.get(3),
        ..StatementStats::default()
    }
}

/// Reads citus_stat_counters; none on plain PostgreSQL, and while the counters are off.
pub(super) async fn counters(
    connection: &NodeConnection,
    citus: bool,
) -> Result<Option<CitusCounters>, ClusterError> {
    if !citus {
        return Ok(None);
    }
    let rows = connection.rows("reading counters", COUNTERS, &[]).await?;
    Ok(rows.first().map(|row| CitusCounters {
        node: String::new(),
        single_shard: row.get(0),
        multi_shard: row.get(1),
        made: row.get(2),
        failed: row.get(3),
        reused: row.get(4),
    }))
}
