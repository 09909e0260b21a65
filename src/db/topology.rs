//! Where tenants live: from a tenant to its shard by the hash that Citus uses, from the shard to the node that holds it.
//! Read from the catalog that every node has; no table of tenants grows with their number.

use std::collections::BTreeMap;

use super::connection::Object;
use super::direct::Home;
use super::error::DbError;
use crate::domain::TenantId;

/// The number of a node's group: it stays when the node's address changes (citus: pg_dist_node.groupid).
pub(super) type Group = i32;

/// A node's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// The numbers of the shards of one range of tenants; a shard is a table whose name ends with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shards {
    pub(super) notes: i64,
    pub(super) revisions: i64,
    pub(super) sessions: i64,
    pub(super) users: i64,
    pub(super) tenants: i64,
}

/// The shards of the tenants' tables and the nodes that hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// The last hash of each range of tenants, in order, with the first one and where the range is.
    ranges: BTreeMap<i32, (i32, Group, Shards)>,
    /// The active primary nodes.
    pub(super) nodes: BTreeMap<Group, Address>,
}

const IS_CLUSTER: &str = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
// All tables of tenants are colocated, so the shards of one speak for all; the reference table has one, on every node.
const SHARDS: &str = "
    SELECT n.shardminvalue::integer, n.shardmaxvalue::integer, p.groupid, n.shardid, r.shardid, s.shardid, u.shardid, t.shardid
    FROM pg_dist_shard n
    JOIN pg_dist_placement p ON p.shardid = n.shardid AND p.shardstate = 1
    JOIN pg_dist_shard r ON r.logicalrelid = 'public.note_revisions'::regclass AND r.shardminvalue = n.shardminvalue
    JOIN pg_dist_shard s ON s.logicalrelid = 'public.sessions'::regclass AND s.shardminvalue = n.shardminvalue
    JOIN pg_dist_shard u ON u.logicalrelid = 'shared.users'::regclass AND u.shardminvalue = n.shardminvalue
    JOIN pg_dist_shard t ON t.logicalrelid = 'shared.tenants'::regclass
    WHERE n.logicalrelid = 'public.notes'::regclass";
const NODES: &str = "SELECT groupid, nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' AND isactive";

impl Topology {
    /// Reads the catalog; empty on plain PostgreSQL.
    pub(super) async fn read(client: &Object) -> Result<Self, DbError> {
        let mut topology = Self::default();
        if !client.query_one(IS_CLUSTER, &[]).await?.get::<_, bool>(0) {
            return Ok(topology);
        }
        for row in client.query(SHARDS, &[]).await? {
            let shards = Shards { notes: row.get(3), revisions: row.get(4), sessions: row.get(5), users: row.get(6), tenants: row.get(7) };
            topology.ranges.insert(row.get(1), (row.get(0), row.get(2), shards));
        }
        for row in client.query(NODES, &[]).await? {
            let port: i32 = row.get(2);
            topology.nodes.insert(row.get(0), Address { host: row.get(1), port: u16::try_from(port).unwrap_or_default() });
        }
        Ok(topology)
    }

    /// Where a tenant's shards are; none when there are no such shards.
    pub(super) fn home_of(&self, tenant: TenantId) -> Option<Home> {
        let hash = hash_of_bigint(tenant.number());
        let (_, (first, group, shards)) = self.ranges.range(hash..).next()?;
        (*first <= hash).then(|| Home { group: *group, shards: shards.clone() })
    }
}

/// PostgreSQL's hash of a bigint (access/hash/hashfunc.c hashint8 over common/hashfn.c hash_bytes_uint32, Bob Jenkins'
/// lookup3), by which Citus chooses the shard.
fn hash_of_bigint(value: i64) -> i32 {
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
