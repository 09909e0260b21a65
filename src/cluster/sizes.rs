//! The size of each shard in bytes. Citus' own views query one node after the other through the coordinator
//! and fail at the first unreachable node. This program queries all nodes directly and at the same time, and
//! leaves out the nodes that do not answer.

use std::collections::HashMap;

use super::error::ClusterError;
use super::node::{self, ALIVE_TIMEOUT, ClusterNode};
use super::node_connection::NodeConnection;

const OWN_SHARDS: &str = "
    SELECT s.shardid,
           coalesce(pg_total_relation_size(to_regclass(shard_name(s.logicalrelid, s.shardid, false))), 0)
    FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
    WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)";

/// Each shard on this node with its bytes.
pub(crate) async fn of_node(connection: &NodeConnection) -> Result<Vec<(i64, i64)>, ClusterError> {
    let rows = connection.rows("measuring shards", OWN_SHARDS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// A colocation group and the first hash value of a range. The shards of all the group's tables with that
/// range are never apart: they form a bundle, and Citus moves a bundle as a whole.
pub(crate) type BundleKey = (i32, String);

/// All bundles with their sizes.
#[derive(Default)]
pub(crate) struct Bundles {
    bundle_of: HashMap<i64, BundleKey>,
    bytes: HashMap<BundleKey, i64>,
    bytes_on: HashMap<i32, i64>,
}

impl Bundles {
    /// Sums up the bytes of shards, given by node group and shard. An unmeasured shard counts 0.
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

    /// The bytes of the shard's whole bundle, which move when the shard moves.
    pub(crate) fn bytes_with(&self, shard: i64) -> i64 {
        self.bundle_of.get(&shard).and_then(|bundle| self.bytes.get(bundle)).copied().unwrap_or_default()
    }

    /// The bundle of a shard.
    pub(crate) fn bundle(&self, shard: i64) -> Option<&BundleKey> {
        self.bundle_of.get(&shard)
    }

    /// The bytes of distributed tables on a node group.
    pub(crate) fn bytes_on(&self, group: i32) -> i64 {
        self.bytes_on.get(&group).copied().unwrap_or_default()
    }
}

/// Measures the shards of all distributed tables.
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

/// A shard, its bundle, and the node group that holds it.
pub(crate) type Placement = (i64, BundleKey, i32);

/// The placements of all shards of distributed tables.
pub(crate) async fn placements(coordinator: &NodeConnection) -> Result<Vec<Placement>, ClusterError> {
    let sql = "SELECT s.shardid, t.colocationid, coalesce(s.shardminvalue, ''), p.groupid
               FROM pg_dist_shard s JOIN pg_dist_partition t USING (logicalrelid)
               JOIN pg_dist_placement p USING (shardid)
               WHERE t.partmethod = 'h'";
    let rows = coordinator.rows("listing the shards", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)), row.get(3))).collect())
}

async fn measure(coordinator: &NodeConnection, node: &ClusterNode) -> Vec<(i64, i64)> {
    let sizes = async { of_node(&NodeConnection::node(coordinator.config(), &node.address).await?).await };
    match tokio::time::timeout(ALIVE_TIMEOUT, sizes).await {
        Ok(Ok(sizes)) => sizes,
        _ => Vec::new(),
    }
}
