//! Reads the placements, which every node has, and the sizes and statistics, which each node has of its own
//! shards.

use std::collections::{BTreeMap, HashMap};

use super::map::{CostlyStatement, ShardBundle, ShardNode, ShardTenant};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::sizes;
use crate::db::{TenantLoad, hash_of_bigint};
use crate::monitor::nodes::Answer;

/// How many of the costliest statements are shown of each bundle.
const MOST_STATEMENTS: usize = 3;
/// How many of the busiest tenants are shown of each bundle.
const MOST_TENANTS: usize = 5;

const PLACEMENTS: &str = "
    SELECT t.colocationid, s.shardminvalue::integer, s.shardmaxvalue::integer, s.shardid,
           t.logicalrelid::text, p.groupid
    FROM pg_dist_shard s JOIN pg_dist_partition t USING (logicalrelid)
    JOIN pg_dist_placement p USING (shardid)
    WHERE t.partmethod = 'h' ORDER BY 1, 2, 4";
const STATEMENTS: &str = "
    SELECT (regexp_match(query, '_([0-9]{6,})'))[1]::bigint AS shard, left(query, 400), calls, total_exec_time
    FROM pg_stat_statements
    WHERE query ~ '_[0-9]{6,}'
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY total_exec_time DESC LIMIT 300";

/// The placements of all shards.
#[derive(Clone)]
pub(super) struct Catalog {
    /// Each bundle with the node group that holds it.
    bundles: Vec<(i32, ShardBundle)>,
    /// The colocation id of the tenants' tables.
    tenants_colocation: i32,
}

impl Catalog {
    /// Reads it from the node of `connection`.
    pub(super) async fn read(connection: &NodeConnection) -> Result<Self, ClusterError> {
        let mut bundles: BTreeMap<(i32, i32), (i32, ShardBundle)> = BTreeMap::new();
        for row in connection.rows("listing the shards", PLACEMENTS, &[]).await? {
            let (colocation, first, last, shard): (i32, i32, i32, i64) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            let (_, bundle) = bundles
                .entry((colocation, first))
                .or_insert_with(|| (row.get(5), ShardBundle::new(colocation, (first, last), shard)));
            bundle.shard = bundle.shard.min(shard);
            bundle.tables.push((row.get(4), shard, None));
        }
        // Only the coordinator has the pins, and the map is useful without them.
        let sql = "SELECT colocation, hash_value, tenant FROM operator.pins";
        for row in connection.rows("listing pins", sql, &[]).await.unwrap_or_default() {
            if let Some((_, bundle)) = bundles.get_mut(&(row.get(0), row.get(1))) {
                bundle.pinned = Some(row.get(2)).filter(|_| bundle.range.0 == bundle.range.1);
            }
        }
        let bundles: Vec<_> = bundles.into_values().collect();
        let holds_users =
            |bundle: &ShardBundle| bundle.tables.iter().any(|(name, ..)| name == "shared.users");
        let users = bundles.iter().find(|(_, bundle)| holds_users(bundle));
        let tenants_colocation = users.map_or(0, |(_, bundle)| bundle.colocation);
        Ok(Self { bundles, tenants_colocation })
    }

    /// Adds the loads, which are sorted, to the bundles of their tenants.
    pub(super) fn add_loads(&mut self, loads: &[TenantLoad]) {
        for (_, bundle) in &mut self.bundles {
            if bundle.colocation == self.tenants_colocation {
                bundle.add_loads(loads);
            }
        }
    }

    /// The node with its bundles, the biggest first.
    pub(super) fn node(&self, answer: Answer<(Self, Measurements)>) -> ShardNode {
        let group = answer.node.group;
        let measurements = answer.result.ok().map(|(_, measurements)| measurements);
        let mut shards: Vec<ShardBundle> =
            self.bundles.iter().filter(|(on, _)| *on == group).map(|(_, bundle)| bundle.clone()).collect();
        if let Some(measurements) = &measurements {
            shards.iter_mut().for_each(|bundle| bundle.add_measurements(measurements));
        }
        shards.sort_by_key(|bundle| std::cmp::Reverse((bundle.bytes, bundle.shard)));
        ShardNode {
            address: answer.node.address.to_string(),
            group,
            takes_shards: answer.node.takes_shards,
            answered: measurements.is_some(),
            bytes: shards.iter().filter_map(|bundle| bundle.bytes).sum(),
            shards,
        }
    }
}

/// What only the node itself knows about its shards.
pub(super) struct Measurements {
    bytes: HashMap<i64, i64>,
    /// Each statement with the shard that it names, the costliest first.
    costly: Vec<(i64, CostlyStatement)>,
}

impl Measurements {
    /// Reads it from the node of `connection`.
    pub(super) async fn read(connection: &NodeConnection) -> Result<Self, ClusterError> {
        let bytes = sizes::of_node(connection).await?.into_iter().collect();
        let installed = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
        let mut costly = Vec::new();
        if connection.row("looking for statistics", installed, &[]).await?.get(0) {
            // A crash can damage the file of the extension, and the map is useful without its statements.
            for row in connection.rows("reading statements", STATEMENTS, &[]).await.unwrap_or_default() {
                let statement = CostlyStatement { text: row.get(1), calls: row.get(2), total_ms: row.get(3) };
                costly.push((row.get(0), statement));
            }
        }
        Ok(Self { bytes, costly })
    }
}

impl ShardBundle {
    fn new(colocation: i32, range: (i32, i32), shard: i64) -> Self {
        Self {
            shard,
            colocation,
            range,
            tables: Vec::new(),
            bytes: None,
            tenants: Vec::new(),
            seconds: 0.0,
            statements: 0,
            pinned: None,
            costly: Vec::new(),
        }
    }

    fn add_measurements(&mut self, measurements: &Measurements) {
        for (_, shard, bytes) in &mut self.tables {
            *bytes = measurements.bytes.get(shard).copied();
        }
        self.bytes = Some(self.tables.iter().filter_map(|(_, _, bytes)| *bytes).sum());
        let shards: Vec<i64> = self.tables.iter().map(|(_, shard, _)| *shard).collect();
        let statements = measurements.costly.iter().filter(|(shard, _)| shards.contains(shard));
        self.costly = statements.take(MOST_STATEMENTS).map(|(_, statement)| statement.clone()).collect();
    }

    fn add_loads(&mut self, loads: &[TenantLoad]) {
        let range = self.range.0..=self.range.1;
        for load in loads.iter().filter(|load| range.contains(&hash_of_bigint(load.tenant))) {
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
}
