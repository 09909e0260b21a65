//! The types of the shard map, and its tables.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::monitor::nodes::MissingNode;
use crate::monitor::table::{Cell, Table, bytes};

/// The shards of all nodes.
#[derive(Serialize)]
pub struct ShardMap {
    pub at: DateTime<Utc>,
    /// False for plain PostgreSQL, which has no shards.
    pub citus: bool,
    /// All workers, and the coordinator if it holds shards.
    pub nodes: Vec<ShardNode>,
    /// All bytes divided by the number of nodes that take shards.
    pub mean_bytes: i64,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A node with its shards.
#[derive(Serialize)]
pub struct ShardNode {
    /// host:port.
    pub address: String,
    /// The group number.
    pub group: i32,
    /// False while it is drained.
    pub takes_shards: bool,
    /// Whether it answered; the sizes of its shards are unknown otherwise.
    pub answered: bool,
    /// The bytes of its shards.
    pub bytes: i64,
    pub shards: Vec<ShardBundle>,
}

/// The shards of all tables of a colocation group with the same range of hash values. They are never apart.
#[derive(Clone, Debug, Serialize)]
pub struct ShardBundle {
    /// The lowest shard number, which names the bundle.
    pub shard: i64,
    /// The id of the colocation group.
    pub colocation: i32,
    /// The first and the last hash value.
    pub range: (i32, i32),
    /// Each table with the number of its shard, and its bytes if they are known.
    pub tables: Vec<(String, i64, Option<i64>)>,
    /// The bytes of all tables, if they are known.
    pub bytes: Option<i64>,
    /// The busiest tenants of the last one to two minutes.
    pub tenants: Vec<ShardTenant>,
    /// How long the database worked for all its tenants in that time, in seconds.
    pub seconds: f64,
    /// The statements of all its tenants in that time.
    pub statements: u64,
    /// The tenant that has the bundle for itself.
    pub pinned: Option<i64>,
    /// The statements that took most time, if the node has pg_stat_statements.
    pub costly: Vec<CostlyStatement>,
}

/// The load of a tenant in the last one to two minutes.
#[derive(Clone, Debug, Serialize)]
pub struct ShardTenant {
    pub tenant: i64,
    pub statements: u64,
    /// How long the database worked for them.
    pub seconds: f64,
}

/// A statement with its cost.
#[derive(Clone, Debug, Serialize)]
pub struct CostlyStatement {
    pub text: String,
    pub calls: i64,
    /// The time of all calls.
    pub total_ms: f64,
}

impl ShardBundle {
    /// The names of its tables, separated by commas.
    pub fn table_names(&self) -> String {
        self.tables.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Its bytes for people, or that they are unknown.
    pub fn size(&self) -> String {
        self.bytes.map_or_else(|| "size unknown".to_owned(), bytes)
    }

    /// The names of its shards' own tables on the node, with their bytes.
    pub fn table_sizes(&self) -> String {
        let size = |count: Option<i64>| count.map_or_else(String::new, |count| format!(" {}", bytes(count)));
        self.tables
            .iter()
            .map(|(name, shard, count)| format!("{name}_{shard}{}", size(*count)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The tenant that has it for itself, and its busy tenants with their statements.
    pub fn tenant_names(&self) -> String {
        let busy: Vec<String> = self
            .tenants
            .iter()
            .map(|load| format!("{} ({} statements)", load.tenant, load.statements))
            .collect();
        let pinned = self.pinned.map(|tenant| format!("{tenant} alone")).into_iter();
        pinned.chain(busy).collect::<Vec<_>>().join(", ")
    }

    fn cells(&self, node: &str) -> [Cell; 8] {
        let costliest = self.costly.first();
        let costliest = costliest.map(|costly| format!("{:.0} ms: {}", costly.total_ms, costly.text));
        [
            self.shard.to_string().into(),
            node.into(),
            self.size().into(),
            format!("{:.2}", self.seconds).into(),
            self.statements.to_string().into(),
            self.tenant_names().into(),
            self.table_names().into(),
            Cell::code(costliest.unwrap_or_default()),
        ]
    }
}

impl ShardMap {
    /// The nodes and the bundles as tables.
    pub fn tables(&self) -> Vec<Table> {
        let mut nodes = Table::new("Bytes on each node", &["node", "#shards", "#bytes", "#of the mean"]);
        for node in &self.nodes {
            let share = if self.mean_bytes == 0 {
                "-".to_owned()
            } else {
                format!("{} %", node.bytes * 100 / self.mean_bytes)
            };
            let size = if node.answered { bytes(node.bytes) } else { "no answer".to_owned() };
            nodes.row([node.address.clone(), node.shards.len().to_string(), size, share]);
        }
        let heads = [
            "shard",
            "node",
            "#bytes",
            "#seconds",
            "#statements",
            "tenants of the last minutes",
            "tables",
            "costliest statement",
        ];
        let mut shards = Table::new("Shards", &heads);
        for (node, bundle) in
            self.nodes.iter().flat_map(|node| node.shards.iter().map(move |bundle| (node, bundle)))
        {
            shards.row(bundle.cells(&node.address));
        }
        vec![nodes, shards]
    }
}
