//! The placement of tenants: the hash that Citus uses maps a tenant to its shard, and the catalog maps the
//! shard to its node. Every node has the catalog. It has a row for each shard and none for each tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::connection::PooledConnection;
use super::error::DbError;
use super::row::DbRow;
use crate::domain::TenantId;

/// The number of a node's group: it stays when the node's address changes (citus: pg_dist_node.groupid).
pub(super) type NodeGroup = i32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

/// A table's schema and name.
pub(super) type TableName = (String, String);

/// The shards of one hash range: the number of the shard for each distributed table, and for each reference
/// table, which every node has. A shard is a table whose name ends with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shards {
    /// The shard's number by schema and table.
    pub(super) by_table: BTreeMap<TableName, i64>,
    /// The reference tables.
    pub(super) everywhere: BTreeSet<TableName>,
}

impl Shards {
    /// The shard of `notes`. Citus moves the other shards of the range together with it.
    pub(super) fn anchor(&self) -> i64 {
        self.by_table.get(&("public".to_owned(), "notes".to_owned())).copied().unwrap_or_default()
    }
}

/// The shards of one tenant and the node that should hold them.
#[derive(Clone, Debug)]
pub(super) struct ShardPlacement {
    pub(super) group: NodeGroup,
    pub(super) shards: Arc<Shards>,
}

/// The shards of the tenants' tables and the nodes that hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// Whether the server is known to be without Citus, so that its tables hold all rows.
    pub(super) is_plain: bool,
    /// By the last hash of each range: its first hash, and the placement of its shards.
    ranges: BTreeMap<i32, (i32, NodeGroup, Arc<Shards>)>,
    /// The active primary nodes.
    pub(super) nodes: BTreeMap<NodeGroup, NodeAddress>,
}

const IS_CLUSTER: &str = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
// All distributed tables are colocated: they have the same ranges, on the same nodes.
const SHARDS: &str = "
    SELECT s.shardminvalue::integer, s.shardmaxvalue::integer, p.groupid, n.nspname::text, c.relname::text,
    s.shardid
    FROM pg_dist_partition anchor
    JOIN pg_dist_partition t ON t.colocationid = anchor.colocationid
    JOIN pg_class c ON c.oid = t.logicalrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_dist_shard s ON s.logicalrelid = t.logicalrelid
    JOIN pg_dist_placement p ON p.shardid = s.shardid AND p.shardstate = 1
    WHERE anchor.logicalrelid = 'public.notes'::regclass";
const REFERENCE_TABLES: &str = "
    SELECT n.nspname::text, c.relname::text, s.shardid
    FROM pg_dist_partition t
    JOIN pg_class c ON c.oid = t.logicalrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_dist_shard s ON s.logicalrelid = t.logicalrelid
    WHERE t.partmethod = 'n' AND t.repmodel = 't'";
const NODES: &str =
    "SELECT groupid, nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' AND isactive";

impl Topology {
    /// Reads the catalog; empty on plain PostgreSQL.
    pub(super) async fn read(client: &PooledConnection) -> Result<Self, DbError> {
        let mut topology = Self::default();
        if !client.query_one(IS_CLUSTER, &[]).await?.get::<_, bool>(0) {
            return Ok(Self { is_plain: true, ..topology });
        }
        let mut reference_tables = Shards::default();
        for row in client.query(REFERENCE_TABLES, &[]).await? {
            let (table, shard): (TableName, i64) = DbRow::from(row).read();
            reference_tables.everywhere.insert(table.clone());
            reference_tables.by_table.insert(table, shard);
        }
        let mut ranges: BTreeMap<i32, (i32, NodeGroup, Shards)> = BTreeMap::new();
        for row in client.query(SHARDS, &[]).await? {
            let ((first, last, group), table, shard) = DbRow::from(row).read();
            let (_, _, shards) =
                ranges.entry(last).or_insert_with(|| (first, group, reference_tables.clone()));
            shards.by_table.insert(table, shard);
        }
        topology.ranges = ranges
            .into_iter()
            .map(|(last, (first, group, shards))| (last, (first, group, Arc::new(shards))))
            .collect();
        for row in client.query(NODES, &[]).await? {
            let (group, host, port): (NodeGroup, String, i32) = DbRow::from(row).read();
            topology.nodes.insert(group, NodeAddress { host, port: u16::try_from(port).unwrap_or_default() });
        }
        Ok(topology)
    }

    /// The placement of a tenant's shards; none when there are no shards.
    pub(super) fn placement_of(&self, tenant: TenantId) -> Option<ShardPlacement> {
        let hash = hash_of_bigint(tenant.number());
        let (_, (first, group, shards)) = self.ranges.range(hash..).next()?;
        (*first <= hash).then(|| ShardPlacement { group: *group, shards: Arc::clone(shards) })
    }
}

/// PostgreSQL's hash of a bigint (access/hash/hashfunc.c hashint8 over common/hashfn.c hash_bytes_uint32, Bob
/// Jenkins' lookup3), by which Citus chooses the shard.
pub(crate) fn hash_of_bigint(value: i64) -> i32 {
    let [low, high] = [value as u32, (value >> 32) as u32];
    let mixed = low ^ if value >= 0 { high } else { !high };
    let seed = 0x9e37_79b9_u32.wrapping_add(4).wrapping_add(3_923_095);
    let (mut a, mut b, mut c) = (seed.wrapping_add(mixed), seed, seed);
    for (rotation_of_c, rotation_of_a, rotation_of_b) in [(14, 11, 25), (16, 4, 14)] {
        c = (c ^ b).wrapping_sub(b.rotate_left(rotation_of_c));
        a = (a ^ c).wrapping_sub(c.rotate_left(rotation_of_a));
        b = (b ^ a).wrapping_sub(a.rotate_left(rotation_of_b));
    }
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    c as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(i64, i32)] = &[
        (1, -1_905_060_026),
        (2, 1_134_484_726),
        (7, -978_793_473),
        (-1, 385_747_274),
        (1 << 32, -1_905_060_026),
        (1_125_899_906_842_625, -375_677_150),
        (i64::MAX, -1_524_351_049),
    ];

    #[test]
    fn the_hash_is_that_of_citus() {
        // Each pair is what Citus 13.2.2 answers to SELECT worker_hash($1::bigint).
        for (value, hash) in KNOWN {
            assert_eq!(hash_of_bigint(*value), *hash, "{value}");
        }
    }
}
