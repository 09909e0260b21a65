//! The connections to each node by owner, compared with the node's limit.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use super::connections::ConnectionCounts;
use super::nodes::{MissingNode, Nodes};
use super::table::{Table, seconds};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

/// The connections to all nodes.
#[derive(Serialize)]
pub struct Budget {
    pub at: DateTime<Utc>,
    pub nodes: Vec<NodeBudget>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// The connections to one node.
#[derive(Serialize)]
pub struct NodeBudget {
    /// host:port.
    pub node: String,
    pub connections: ConnectionCounts,
    /// citus.max_shared_pool_size: the most connections that Citus opens from this node to another one; none
    /// when it is unlimited.
    pub shared_pool: Option<i64>,
    pub groups: Vec<ConnectionGroup>,
}

/// Connections with the same application, database, user, client and state.
#[derive(Serialize)]
pub struct ConnectionGroup {
    /// application_name, without the numbers that Citus puts into it.
    pub application: String,
    pub database: String,
    pub user: String,
    /// The client's IP address.
    pub from: String,
    /// pg_stat_activity.state.
    pub state: String,
    pub count: i64,
    /// Seconds since the oldest of them changed its state.
    pub oldest: f64,
}

// Citus writes a number into each application_name, which would make a group of each connection.
const GROUPS: &str = "
    SELECT regexp_replace(application_name, '(gpid=)?[0-9]{5,}', '…'), coalesce(datname::text, ''),
           coalesce(usename::text, ''), coalesce(host(client_addr), 'this machine'),
           coalesce(state, '?'), count(*),
           greatest(coalesce(extract(epoch FROM now() - min(state_change)), 0), 0)::float8
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2, 3, 4, 5
    ORDER BY 6 DESC, 1, 5 LIMIT 40";

impl ConnectionGroup {
    /// Reads a row of [`GROUPS`].
    fn from_row(row: &Row) -> Self {
        Self {
            application: row.get(0),
            database: row.get(1),
            user: row.get(2),
            from: row.get(3),
            state: row.get(4),
            count: row.get(5),
            oldest: row.get(6),
        }
    }
}

const SHARED_POOL: &str = "
    SELECT nullif(current_setting('citus.max_shared_pool_size', true), '')::bigint,
           current_setting('max_connections')::bigint";

/// Counts the connections to all nodes.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn budget(nodes: &Nodes) -> Result<Budget, ClusterError> {
    let cluster = nodes.list().await?;
    let mut budget = Budget { at: Utc::now(), nodes: Vec::new(), missing: Vec::new() };
    for answer in nodes.ask_all(&cluster.nodes, async |connection, _| of_node(connection).await).await {
        budget.missing.extend(answer.missing());
        if let Ok(node) = answer.result {
            budget.nodes.push(NodeBudget { node: answer.node.address.to_string(), ..node });
        }
    }
    Ok(budget)
}

async fn of_node(connection: &NodeConnection) -> Result<NodeBudget, ClusterError> {
    let connections = super::connections::count(connection).await?;
    let row = connection.row("looking at limits", SHARED_POOL, &[]).await?;
    // To Citus 0 means max_connections and -1 means no limit.
    let shared_pool = match row.get::<_, Option<i64>>(0) {
        Some(0) => Some(row.get(1)),
        Some(limit) if limit > 0 => Some(limit),
        _ => None,
    };
    let rows = connection.rows("looking at connections", GROUPS, &[]).await?;
    let groups = rows.iter().map(ConnectionGroup::from_row).collect();
    Ok(NodeBudget { node: String::new(), connections, shared_pool, groups })
}

impl NodeBudget {
    /// The connections of Pigeonhole, Citus and others, and the free ones.
    pub fn parts(&self) -> [(&'static str, i64); 4] {
        let ours: i64 = self.connections.ours.values().sum();
        let free = (self.connections.limit - self.connections.open).max(0);
        [
            ("Pigeonhole", ours),
            ("Citus", self.connections.citus),
            ("others", self.connections.others),
            ("free", free),
        ]
    }

    fn cells(&self) -> Vec<String> {
        let [(_, ours), (_, citus), (_, others), (_, free)] = self.parts();
        let numbers = [self.connections.open, self.connections.limit, ours, citus, others, free];
        let pool = self.shared_pool.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        let owners = self.connections.ours.iter().map(|(owner, count)| format!("{count} {owner}"));
        let owners = owners.collect::<Vec<_>>().join(", ");
        let numbers = numbers.map(|number| number.to_string());
        std::iter::once(self.node.clone()).chain(numbers).chain([pool, owners]).collect()
    }
}

impl ConnectionGroup {
    fn cells(&self, node: &str) -> [String; 8] {
        [
            node.to_owned(),
            self.application.clone(),
            self.user.clone(),
            self.database.clone(),
            self.from.clone(),
            self.state.clone(),
            self.count.to_string(),
            seconds(self.oldest),
        ]
    }
}

impl Budget {
    /// The numbers as tables.
    pub fn tables(&self) -> Vec<Table> {
        let heads = [
            "node",
            "#open",
            "#limit",
            "#Pigeonhole",
            "#Citus",
            "#others",
            "#free",
            "#Citus may open",
            "of Pigeonhole",
        ];
        let mut sums = Table::new("Connections against limits", &heads);
        let mut details = Table::new(
            "Connections by application",
            &["node", "application", "role", "database", "from", "state", "#count", "#oldest"],
        );
        for node in &self.nodes {
            sums.row(node.cells());
            for group in &node.groups {
                details.row(group.cells(&node.node));
            }
        }
        vec![sums, details]
    }
}
