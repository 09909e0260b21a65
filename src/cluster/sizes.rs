//! How many bytes each shard has. Citus' own views ask one node after the other through the coordinator and
//! stop at the first that is dead; here each node is asked directly, at the same time, and who does not
//! answer is left out.

use std::collections::HashMap;

use super::error::ClusterError;
use super::node::{self, ALIVE_TIMEOUT, ClusterNode};
use super::node_connection::NodeConnection;

const OWN_SHARDS: &str = "
    SELECT s.shardid, coalesce(pg_total_relation_size(to_regclass(shard_name(s.logicalrelid, s.shardid,
    false))), 0)
    FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
    WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)";

/// The bytes of the shards on this node.
pub(crate) async fn of_node(connection: &NodeConnection) -> Result<Vec<(i64, i64)>, ClusterError> {
    let rows = connection.rows("measuring shards", OWN_SHARDS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Shards that move together: those of all tables of a colocation group with the same range.
#[derive(Default)]
pub(crate) struct Bundles {
    bundle_of: HashMap<i64, (i32, String)>,
    bytes: HashMap<(i32, String), i64>,
    bytes_on: HashMap<i32, i64>,
}

impl Bundles {
    /// Puts together what was measured of each group's shards, as far as it was.
    pub(crate) fn of(placements: &[Placement], bytes: &HashMap<(i32, i64), i64>) -> Self {
        let mut bundles = Self::default();
        for (shard, bundle, group) in placements {
            let size = bytes.get(&(*group, *shard)).copied().unwrap_or_default();
            *bundles.bytes.entry(bundle.clone()).or_default() += size;
            *bundles.bytes_on.entry(*group).or_default() += size;
            bundles.bundle_of.insert(*shard, bundle.clone());
        }
        bundles
    }

    /// The bytes that move when this shard moves.
    pub(crate) fn bytes_with(&self, shard: i64) -> i64 {
        self.bundle_of.get(&shard).and_then(|bundle| self.bytes.get(bundle)).copied().unwrap_or_default()
    }

    /// The number of the bundle's first shard, the same for all of its shards.
    pub(crate) fn bundle(&self, shard: i64) -> Option<&(i32, String)> {
        self.bundle_of.get(&shard)
    }

    /// The bytes of distributed tables on a group.
    pub(crate) fn bytes_on(&self, group: i32) -> i64 {
        self.bytes_on.get(&group).copied().unwrap_or_default()
    }
}

/// Measures all distributed shards.
pub(crate) async fn bundles(coordinator: &NodeConnection) -> Result<Bundles, ClusterError> {
    let nodes = node::list(coordinator).await?;
    let measured = futures_util::future::join_all(nodes.iter().map(|node| measure(coordinator, node))).await;
    let bytes = nodes
        .iter()
        .zip(measured)
        .flat_map(|(node, sizes)| sizes.into_iter().map(|(shard, bytes)| ((node.group, shard), bytes)))
        .collect();
    Ok(Bundles::of(&placements(coordinator).await?, &bytes))
}

/// A shard, its bundle, and the group on which it is.
pub(crate) type Placement = (i64, (i32, String), i32);

/// Where the shards of all distributed tables are.
pub(crate) async fn placements(coordinator: &NodeConnection) -> Result<Vec<Placement>, ClusterError> {
    let sql = "SELECT s.shardid, t.colocationid, coalesce(s.shardminvalue, ''), p.groupid
               FROM pg_dist_shard s JOIN pg_dist_partition t USING (logicalrelid)
               JOIN pg_dist_placement p USING (shardid)
               WHERE t.partmethod = 'h'";
    let rows = coordinator.rows("listing the shards", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)), row.get(3))).collect())
}

async fn measure(coordinator: &NodeConnection, node: &ClusterNode) -> Vec<(i64, i64)> {
    let asked = async { of_node(&NodeConnection::node(coordinator.config(), &node.address).await?).await };
    match tokio::time::timeout(ALIVE_TIMEOUT, asked).await {
        Ok(Ok(sizes)) => sizes,
        _ => Vec::new(),
    }
}
