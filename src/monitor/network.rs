//! Whether every node can connect to every other node, and in how many milliseconds. Measured only on
//! request, since it opens a connection for each pair of nodes.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::table::Table;
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;

/// The reachability of the nodes from each other.
#[derive(Serialize)]
pub struct Network {
    pub at: DateTime<Utc>,
    /// Whether the grid was measured (`?measure=1`); it is empty otherwise.
    pub measured: bool,
    /// host:port of each node, in the order of the grid's rows and columns.
    pub nodes: Vec<String>,
    /// One row for each source node, one column for each target.
    pub grid: Vec<Vec<Link>>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// The result of connecting from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "ms")]
pub enum Link {
    /// The target answered, within these milliseconds, including the round trip to the source node.
    Reached(f64),
    /// The connection failed.
    Unreached,
    /// The source node did not answer in time.
    Unknown,
}

impl Link {
    /// For the operator.
    pub fn words(self) -> String {
        match self {
            Self::Reached(ms) => format!("{ms:.1} ms"),
            Self::Unreached => "no".to_owned(),
            Self::Unknown => "?".to_owned(),
        }
    }

    /// The CSS class, as of the severities.
    pub fn class(self) -> &'static str {
        match self {
            Self::Reached(_) => "fine",
            Self::Unreached => "down",
            Self::Unknown => "warning",
        }
    }
}

/// Lists the nodes. With `measure`, each node connects to every other one.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn network(nodes: &Nodes, measure: bool) -> Result<Network, ClusterError> {
    let cluster = nodes.list().await?;
    let names = cluster.nodes.iter().map(|node| node.address.to_string()).collect();
    let mut network =
        Network { at: Utc::now(), measured: measure, nodes: names, grid: Vec::new(), missing: Vec::new() };
    if !measure {
        return Ok(network);
    }
    let targets = &cluster.nodes;
    let citus = cluster.citus;
    for answer in nodes
        .ask_all(targets, async |connection, _| links(connection, targets, citus, nodes.timeout()).await)
        .await
    {
        network.missing.extend(answer.missing());
        network.grid.push(answer.result.unwrap_or_else(|_| vec![Link::Unknown; targets.len()]));
    }
    Ok(network)
}

/// One row of the grid: the links from the node of `connection`.
async fn links(
    connection: &NodeConnection,
    targets: &[ClusterNode],
    citus: bool,
    timeout: Duration,
) -> Result<Vec<Link>, ClusterError> {
    // On plain PostgreSQL the only link is this program's own connection.
    if !citus {
        let started = Instant::now();
        connection.run("asking", "SELECT 1").await?;
        return Ok(vec![Link::Reached(started.elapsed().as_secs_f64() * 1000.0)]);
    }
    // One target after the other, since all checks share one connection. After the deadline the rest is
    // unknown.
    let mut links = vec![Link::Unknown; targets.len()];
    let deadline = Instant::now() + timeout * 4 / 5;
    for (index, target) in targets.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let started = Instant::now();
        let sql = "SELECT citus_check_connection_to_node($1, $2)";
        let (host, port) = (target.address.host(), target.address.port());
        let reached = tokio::time::timeout(left, connection.rows("asking", sql, &[&host, &port])).await;
        links[index] = match reached {
            Ok(Ok(rows)) if rows.first().is_some_and(|row| row.get(0)) => {
                Link::Reached(started.elapsed().as_secs_f64() * 1000.0)
            }
            Ok(_) => Link::Unreached,
            Err(_) => break,
        };
    }
    Ok(links)
}

impl Network {
    /// The grid as a table.
    pub fn tables(&self) -> Vec<Table> {
        let mut table = Table::new("From each node to each other", &["from", "to", "#reached in"])
            .when_empty("Not measured: request ?measure=1.");
        for (from, row) in self.nodes.iter().zip(&self.grid) {
            for (to, link) in self.nodes.iter().zip(row) {
                table.row([from.clone(), to.clone(), link.words()]);
            }
        }
        vec![table]
    }
}
