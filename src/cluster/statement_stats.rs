//! Counting statements anew, on every node.

use std::time::Duration;

use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;
use super::{events, node};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Forgets what pg_stat_statements has counted on every node, and gives the nodes on which it did.
///
/// # Errors
/// When no node counts statements, or the coordinator does not answer. A node that does not is left out and
/// named in the event.
pub async fn reset_statements(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let event = events::begin(coordinator, "reset statements", "all nodes").await?;
    let done = reset_everywhere(coordinator).await;
    event.end(coordinator, done).await
}

async fn reset_everywhere(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let workers = if coordinator.has_citus().await? { node::list(coordinator).await? } else { Vec::new() };
    let mut done = Vec::new();
    if reset(coordinator).await? {
        done.push(coordinator.name().to_owned());
    }
    let asked = workers.iter().filter(|node| node.group != 0).map(|node| async {
        let there = async { reset(&NodeConnection::node(coordinator.config(), &node.address).await?).await };
        (node.address.to_string(), tokio::time::timeout(TIMEOUT, there).await)
    });
    let mut silent = Vec::new();
    for (address, answer) in futures_util::future::join_all(asked).await {
        match answer {
            Ok(Ok(true)) => done.push(address),
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => silent.push(address),
        }
    }
    if !silent.is_empty() {
        return obstacle(format!(
            "counting began anew on {}; {} did not answer",
            done.join(", "),
            silent.join(", ")
        ));
    }
    if done.is_empty() {
        return obstacle("no node counts statements: pg_stat_statements is not there");
    }
    Ok(done)
}

async fn reset(connection: &NodeConnection) -> Result<bool, ClusterError> {
    let there = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
    if !connection.row("looking for statistics", there, &[]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    connection
        .rows_within(TIMEOUT, "counting anew", "SELECT pg_stat_statements_reset()::text", &[])
        .await
        .map(|_| true)
}
