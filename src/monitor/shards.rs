//! Where the data is: the shards of all distributed tables by node, with their bytes, their load and their
//! tenants. The map is drawn from the catalog, which every node has; sizes and loads come from each node
//! itself and are missing where one is silent.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::table::{Cell, Table, bytes};
use super::tenants;
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::sizes;
use crate::db::{TenantLoad, hash_of_bigint};

/// Statements that are shown of a shard.
const MOST_STATEMENTS: usize = 3;
/// Tenants that are shown of a shard.
const MOST_TENANTS: usize = 5;

/// The whole map.
#[derive(Serialize)]
pub struct ShardMap {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether there are shards at all.
    pub citus: bool,
    /// The nodes that hold shards or could.
    pub nodes: Vec<ShardNode>,
    /// Bytes for each node that takes shards, were they spread evenly.
    pub mean_bytes: i64,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A node and what is on it.
#[derive(Serialize)]
pub struct ShardNode {
    /// host:port.
    pub address: String,
    /// The number of its group.
    pub group: i32,
    /// Whether shards may be placed on it.
    pub takes_shards: bool,
    /// Whether it answered; its bytes and loads are not known otherwise.
    pub answered: bool,
    /// The bytes of its shards.
    pub bytes: i64,
    /// Its shards.
    pub shards: Vec<ShardBundle>,
}

/// Shards that are never apart: those of all tables of a colocation group with the same range.
#[derive(Clone, Debug, Serialize)]
pub struct ShardBundle {
    /// The lowest number among them, by which they are named here.
    pub shard: i64,
    /// The tables that are spread together.
    pub colocation: i32,
    /// The first and the last hash value.
    pub range: (i32, i32),
    /// Its tables, each with the number of the shard and, where known, its bytes.
    pub tables: Vec<(String, i64, Option<i64>)>,
    /// The bytes of all of them, where known.
    pub bytes: Option<i64>,
    /// Its busiest tenants of the last minute or two.
    pub tenants: Vec<ShardTenant>,
    /// Seconds that the work of all its tenants took in that time.
    pub seconds: f64,
    /// Their statements.
    pub statements: u64,
    /// The tenant that has it for itself.
    pub pinned: Option<i64>,
    /// The statements that took most time on it, where pg_stat_statements is there.
    pub costly: Vec<CostlyStatement>,
}

/// A tenant on a shard.
#[derive(Clone, Debug, Serialize)]
pub struct ShardTenant {
    /// Its number.
    pub tenant: i64,
    /// Statements of the last minute or two.
    pub statements: u64,
    /// The seconds that they took.
    pub seconds: f64,
}

/// A statement and what it cost.
#[derive(Clone, Debug, Serialize)]
pub struct CostlyStatement {
    /// The statement.
    pub text: String,
    /// How often it ran.
    pub calls: i64,
    /// Milliseconds in all.
    pub total_ms: f64,
}

const PLACEMENTS: &str = "
    SELECT t.colocationid, s.shardminvalue::integer, s.shardmaxvalue::integer, s.shardid,
    t.logicalrelid::text, p.groupid
    FROM pg_dist_shard s JOIN pg_dist_partition t USING (logicalrelid) JOIN pg_dist_placement p
    USING (shardid)
    WHERE t.partmethod = 'h' ORDER BY 1, 2, 4";
const STATEMENTS: &str = "
    SELECT (regexp_match(query, '_([0-9]{6,})'))[1]::bigint AS shard, left(query, 400), calls, total_exec_time
    FROM pg_stat_statements WHERE query ~ '_[0-9]{6,}' AND dbid = (SELECT oid FROM pg_database
    WHERE datname = current_database())
    ORDER BY total_exec_time DESC LIMIT 300";

/// What a node alone knows.
#[derive(Default)]
struct NodeMeasurements {
    sizes: HashMap<i64, i64>,
    costly: Vec<(i64, CostlyStatement)>,
}

/// Draws it; `recent` is what this process has counted of its tenants lately.
///
/// # Errors
/// When no node answers.
pub async fn shards(nodes: &Nodes, recent: &[TenantLoad]) -> Result<ShardMap, ClusterError> {
    let cluster = nodes.list().await?;
    if !cluster.citus {
        return Ok(ShardMap {
            at: Utc::now(),
            citus: false,
            nodes: Vec::new(),
            mean_bytes: 0,
            missing: Vec::new(),
        });
    }
    let asked = nodes.ask_all(&cluster.nodes, async |connection, _| {
        Ok((bundles(connection).await?, of_node(connection).await?))
    });
    let lately = async {
        // A coordinator that did not list its nodes would only hold this up.
        if cluster.stale.is_some() {
            return recent.to_vec();
        }
        nodes
            .ask_coordinator(async |connection| tenants::lately(connection, recent).await)
            .await
            .unwrap_or_else(|_| recent.to_vec())
    };
    let (answers, loads) = futures_util::future::join(asked, lately).await;
    let tenants_colocation = answers.iter().find_map(|answer| Some(answer.result.as_ref().ok()?.0.2));
    let missing: Vec<MissingNode> = answers.iter().filter_map(super::Answer::missing).collect();
    let Some((catalog, pins, _)) =
        answers.iter().find_map(|answer| answer.result.as_ref().ok().map(|(catalog, _)| catalog.clone()))
    else {
        return Err(ClusterError::Obstacle(
            missing.first().map_or_else(String::new, |missing| missing.reason.clone()),
        ));
    };
    let mut rows = Vec::new();
    for answer in answers {
        let group = answer.node.group;
        let known = answer.result.ok().map(|(_, of_node)| of_node);
        let mut shards: Vec<ShardBundle> =
            catalog.iter().filter(|(on, _)| *on == group).map(|(_, bundle)| bundle.clone()).collect();
        for bundle in &mut shards {
            if tenants_colocation == Some(bundle.colocation) {
                bundle.load(&loads);
            }
            bundle.pinned = (bundle.range.0 == bundle.range.1)
                .then(|| pins.get(&(bundle.colocation, bundle.range.0)).copied())
                .flatten();
            if let Some(known) = &known {
                bundle.fill(known);
            }
        }
        if shards.is_empty() && group == 0 {
            continue;
        }
        shards.sort_by_key(|bundle| std::cmp::Reverse((bundle.bytes, bundle.shard)));
        rows.push(ShardNode {
            address: answer.node.address.to_string(),
            group,
            takes_shards: answer.node.takes_shards,
            answered: known.is_some(),
            bytes: shards.iter().filter_map(|bundle| bundle.bytes).sum(),
            shards,
        });
    }
    let takers = i64::try_from(rows.iter().filter(|node| node.takes_shards).count()).unwrap_or(1).max(1);
    let mean_bytes = rows.iter().map(|node| node.bytes).sum::<i64>() / takers;
    Ok(ShardMap { at: Utc::now(), citus: true, nodes: rows, mean_bytes, missing })
}

/// All bundles with the group that holds each, who has one alone by hash, and the tables that are spread by
/// tenant.
type Catalog = (Vec<(i32, ShardBundle)>, HashMap<(i32, i32), i64>, i32);

async fn bundles(connection: &NodeConnection) -> Result<Catalog, ClusterError> {
    let mut found: BTreeMap<(i32, i32), (i32, ShardBundle)> = BTreeMap::new();
    for row in connection.rows("listing the shards", PLACEMENTS, &[]).await? {
        let (colocation, first, last, shard): (i32, i32, i32, i64) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let fresh = || ShardBundle {
            shard,
            colocation,
            range: (first, last),
            tables: Vec::new(),
            bytes: None,
            tenants: Vec::new(),
            seconds: 0.0,
            statements: 0,
            pinned: None,
            costly: Vec::new(),
        };
        let (_, bundle) = found.entry((colocation, first)).or_insert_with(|| (row.get(5), fresh()));
        bundle.shard = bundle.shard.min(shard);
        bundle.tables.push((row.get(4), shard, None));
    }
    // Only the coordinator has them, and a map without is still a map.
    let sql = "SELECT colocation, hash_value, tenant FROM operator.pins";
    let pins = connection.rows("listing pins", sql, &[]).await.unwrap_or_default();
    let tenants =
        found.values().find(|(_, bundle)| bundle.tables.iter().any(|(name, ..)| name == "shared.users"));
    let tenants = tenants.map_or(0, |(_, bundle)| bundle.colocation);
    Ok((
        found.into_values().collect(),
        pins.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect(),
        tenants,
    ))
}

async fn of_node(connection: &NodeConnection) -> Result<NodeMeasurements, ClusterError> {
    let sizes = sizes::of_node(connection).await?.into_iter().collect();
    let there = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
    let mut costly = Vec::new();
    if connection.row("looking for statistics", there, &[]).await?.get(0) {
        // Its file can be damaged by a crash, and the map is worth having without.
        for row in connection.rows("reading statements", STATEMENTS, &[]).await.unwrap_or_default() {
            costly.push((
                row.get(0),
                CostlyStatement { text: row.get(1), calls: row.get(2), total_ms: row.get(3) },
            ));
        }
    }
    Ok(NodeMeasurements { sizes, costly })
}

impl ShardBundle {
    fn fill(&mut self, known: &NodeMeasurements) {
        for (_, shard, bytes) in &mut self.tables {
            *bytes = known.sizes.get(shard).copied();
        }
        self.bytes = Some(self.tables.iter().filter_map(|(_, _, bytes)| *bytes).sum());
        let own: Vec<i64> = self.tables.iter().map(|(_, shard, _)| *shard).collect();
        let here = known.costly.iter().filter(|(shard, _)| own.contains(shard));
        self.costly = here.take(MOST_STATEMENTS).map(|(_, costly)| costly.clone()).collect();
    }

    /// Takes what is on it from `loads`, which are sorted.
    fn load(&mut self, loads: &[TenantLoad]) {
        for load in
            loads.iter().filter(|load| (self.range.0..=self.range.1).contains(&hash_of_bigint(load.tenant)))
        {
            self.seconds += load.seconds;
            self.statements += load.statements;
            if self.tenants.len() < MOST_TENANTS {
                self.tenants.push(ShardTenant {
                    tenant: load.tenant,
                    statements: load.statements,
                    seconds: load.seconds,
                });
            }
        }
    }

    /// Its tables without their schema, for a line.
    pub fn table_names(&self) -> String {
        self.tables.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Its bytes in words.
    pub fn size(&self) -> String {
        self.bytes.map_or_else(|| "size unknown".to_owned(), bytes)
    }

    /// Its tables by the names that they have on their node, with their bytes.
    pub fn table_sizes(&self) -> String {
        let size = |count: Option<i64>| count.map_or_else(String::new, |count| format!(" {}", bytes(count)));
        self.tables
            .iter()
            .map(|(name, shard, count)| format!("{name}_{shard}{}", size(*count)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Its tenants in words.
    pub fn tenant_names(&self) -> String {
        let busy: Vec<String> = self
            .tenants
            .iter()
            .map(|load| format!("{} ({} statements)", load.tenant, load.statements))
            .collect();
        let pinned = self.pinned.map(|tenant| format!("{tenant} alone")).into_iter();
        pinned.chain(busy).collect::<Vec<_>>().join(", ")
    }
}

impl ShardMap {
    /// The same as a table.
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
            let costliest = bundle.costly.first();
            shards.row([
                Cell::from(bundle.shard.to_string()),
                node.address.clone().into(),
                bundle.size().into(),
                format!("{:.2}", bundle.seconds).into(),
                bundle.statements.to_string().into(),
                bundle.tenant_names().into(),
                bundle.table_names().into(),
                Cell::code(costliest.map_or_else(String::new, |costly| {
                    format!("{:.0} ms: {}", costly.total_ms, costly.text)
                })),
            ]);
        }
        vec![nodes, shards]
    }
}
