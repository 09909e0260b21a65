//! Whether every node reaches every other, and in how many milliseconds. Asked for only when somebody wants
//! to know, as each question opens connections.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::table::Table;
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;

/// The grid.
#[derive(Serialize)]
pub struct Network {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it was measured; asked for with `?measure=1`.
    pub measured: bool,
    /// host:port of the nodes, in the order of the grid.
    pub nodes: Vec<String>,
    /// From the node of a row to the node of a column.
    pub grid: Vec<Vec<Link>>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "ms")]
pub enum Link {
    /// A connection was made and answered, in milliseconds with what the question itself took.
    Reached(f64),
    /// None was.
    Unreached,
    /// The node that should have tried did not answer in time.
    Unknown,
}

impl Link {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Reached(ms) => format!("{ms:.1} ms"),
            Self::Unreached => "no".to_owned(),
            Self::Unknown => "?".to_owned(),
        }
    }

    /// For a style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Reached(_) => "fine",
            Self::Unreached => "down",
            Self::Unknown => "warning",
        }
    }
}

/// Names the nodes, and with `measure` asks each to reach every other.
///
/// # Errors
/// When no node was ever listed.
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
        .ask_all(targets, async |connection, _| row(connection, targets, citus, nodes.timeout()).await)
        .await
    {
        network.missing.extend(answer.missing());
        network.grid.push(answer.result.unwrap_or_else(|_| vec![Link::Unknown; targets.len()]));
    }
    Ok(network)
}

async fn row(
    connection: &NodeConnection,
    targets: &[ClusterNode],
    citus: bool,
    timeout: Duration,
) -> Result<Vec<Link>, ClusterError> {
    // On plain PostgreSQL there is one way only, ours.
    if !citus {
        let started = Instant::now();
        connection.run("asking", "SELECT 1").await?;
        return Ok(vec![Link::Reached(started.elapsed().as_secs_f64() * 1000.0)]);
    }
    // All at once over one connection, so each waits for those before it; a node that is dead must not hide
    // the others, so the time of each is its own and what is not known at the end is unknown.
    let mut links = vec![Link::Unknown; targets.len()];
    let limit = Instant::now() + timeout * 4 / 5;
    for (place, target) in targets.iter().enumerate() {
        let left = limit.saturating_duration_since(Instant::now());
        let started = Instant::now();
        let sql = "SELECT citus_check_connection_to_node($1, $2)";
        let (host, port) = (target.address.host(), target.address.port());
        let reached = tokio::time::timeout(left, connection.rows("asking", sql, &[&host, &port])).await;
        links[place] = match reached {
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
    /// The same as a table.
    pub fn tables(&self) -> Vec<Table> {
        let mut table = Table::new("From each node to each other", &["from", "to", "#reached in"])
            .when_empty("Not measured: ask with ?measure=1.");
        for (from, row) in self.nodes.iter().zip(&self.grid) {
            for (to, link) in self.nodes.iter().zip(row) {
                table.row([from.clone(), to.clone(), link.words()]);
            }
        }
        vec![table]
    }
}
