//! Connections of each node by whose they are, against how many there can be.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::connections::ConnectionCounts;
use super::nodes::{MissingNode, Nodes};
use super::table::Table;
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

/// The budget of every node.
#[derive(Serialize)]
pub struct Budget {
    /// When.
    pub at: DateTime<Utc>,
    /// The nodes that answered.
    pub nodes: Vec<NodeBudget>,
    /// The nodes that did not.
    pub missing: Vec<MissingNode>,
}

/// A node's.
#[derive(Serialize)]
pub struct NodeBudget {
    /// host:port.
    pub node: String,
    /// By whose they are.
    pub connections: ConnectionCounts,
    /// The most that Citus opens to this node from another, where it says so.
    pub shared_pool: Option<i64>,
    /// In detail: who, from where, in which state, how many, and for how many seconds the oldest has been so.
    pub groups: Vec<ConnectionGroup>,
}

/// Connections that are alike.
#[derive(Serialize)]
pub struct ConnectionGroup {
    /// What they call themselves.
    pub application: String,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Where they come from.
    pub from: String,
    /// active, idle, idle in transaction and so on.
    pub state: String,
    /// How many.
    pub count: i64,
    /// Seconds since the oldest of them changed its state.
    pub oldest: f64,
}

// Citus numbers its sessions in their names, and each would be a line of its own.
const GROUPS: &str = "
    SELECT regexp_replace(application_name, '(gpid=)?[0-9]{5,}', '…'), coalesce(datname::text, ''),
    coalesce(usename::text, ''),
           coalesce(host(client_addr), 'this machine'), coalesce(state, '?'), count(*),
           greatest(coalesce(extract(epoch FROM now() - min(state_change)), 0), 0)::float8
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2, 3, 4, 5
    ORDER BY 6 DESC, 1, 5 LIMIT 40";
const SHARED_POOL: &str = "SELECT nullif(current_setting('citus.max_shared_pool_size', true), '')::bigint,
           current_setting('max_connections')::bigint";

/// Looks at all nodes.
///
/// # Errors
/// When no node was ever listed.
pub async fn budget(nodes: &Nodes) -> Result<Budget, ClusterError> {
    let cluster = nodes.list().await?;
    let mut found = Budget { at: Utc::now(), nodes: Vec::new(), missing: Vec::new() };
    for answer in nodes.ask_all(&cluster.nodes, async |connection, _| of_node(connection).await).await {
        found.missing.extend(answer.missing());
        if let Ok(budget) = answer.result {
            found.nodes.push(NodeBudget { node: answer.node.address.to_string(), ..budget });
        }
    }
    Ok(found)
}

async fn of_node(connection: &NodeConnection) -> Result<NodeBudget, ClusterError> {
    let connections = super::connections::look(connection).await?;
    let row = connection.row("looking at limits", SHARED_POOL, &[]).await?;
    // Citus takes 0 for as many as there are and -1 for no limit.
    let shared_pool = match row.get::<_, Option<i64>>(0) {
        Some(0) => Some(row.get(1)),
        Some(limit) if limit > 0 => Some(limit),
        _ => None,
    };
    let rows = connection.rows("looking at connections", GROUPS, &[]).await?;
    let groups = rows
        .iter()
        .map(|row| ConnectionGroup {
            application: row.get(0),
            database: row.get(1),
            user: row.get(2),
            from: row.get(3),
            state: row.get(4),
            count: row.get(5),
            oldest: row.get(6),
        })
        .collect();
    Ok(NodeBudget { node: String::new(), connections, shared_pool, groups })
}

impl NodeBudget {
    /// Those of the application, of Citus, of others, and what is left.
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
}

impl Budget {
    /// The same as tables.
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
            "Whose they are",
            &["node", "application", "role", "database", "from", "state", "#count", "#oldest"],
        );
        for node in &self.nodes {
            let [(_, ours), (_, citus), (_, others), (_, free)] = node.parts();
            let numbers = [node.connections.open, node.connections.limit, ours, citus, others, free]
                .map(|number| number.to_string());
            let own = node
                .connections
                .ours
                .iter()
                .map(|(who, count)| format!("{count} {who}"))
                .collect::<Vec<_>>()
                .join(", ");
            let pool = node.shared_pool.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
            sums.row(std::iter::once(node.node.clone()).chain(numbers).chain([pool, own]));
            for group in &node.groups {
                let [count, oldest] = [group.count.to_string(), super::table::seconds(group.oldest)];
                let texts =
                    [&node.node, &group.application, &group.user, &group.database, &group.from, &group.state]
                        .map(String::clone);
                details.row(texts.into_iter().chain([count, oldest]));
            }
        }
        vec![sums, details]
    }
}
