//! Resetting pg_stat_statements on every node.

use std::time::Duration;

use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;
use super::{events, node};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Resets the statistics on every node that has pg_stat_statements. Returns these nodes.
///
/// # Errors
/// When no node has the extension, or when a node does not answer. The error names the nodes that were reset
/// and those that did not answer.
pub async fn reset_statements(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let event = events::begin(coordinator, "reset statements", "all nodes").await?;
    let result = reset_all(coordinator).await;
    event.end(coordinator, result).await
}

async fn reset_all(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let workers = if coordinator.has_citus().await? { node::list(coordinator).await? } else { Vec::new() };
    let mut done = Vec::new();
    if reset(coordinator).await? {
        done.push(coordinator.name().to_owned());
    }
    let answers = workers.iter().filter(|node| node.group != 0).map(|node| async {
        let answer = async { reset(&NodeConnection::node(coordinator.config(), &node.address).await?).await };
        (node.address.to_string(), tokio::time::timeout(TIMEOUT, answer).await)
    });
    let mut unreachable = Vec::new();
    for (address, answer) in futures_util::future::join_all(answers).await {
        match answer {
            Ok(Ok(true)) => done.push(address),
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => unreachable.push(address),
        }
    }
    if !unreachable.is_empty() {
        return obstacle(format!(
            "the statistics were reset on {}; {} did not answer",
            done.join(", "),
            unreachable.join(", ")
        ));
    }
    if done.is_empty() {
        return obstacle("no node counts statements: pg_stat_statements is not installed");
    }
    Ok(done)
}

/// False where pg_stat_statements is not installed.
async fn reset(connection: &NodeConnection) -> Result<bool, ClusterError> {
    let installed = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
    if !connection.row("looking for statistics", installed, &[]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    connection
        .rows_within(TIMEOUT, "resetting the statistics", "SELECT pg_stat_statements_reset()::text", &[])
        .await
        .map(|_| true)
}
