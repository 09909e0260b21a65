//! Pins keep the shard of an isolated tenant on its node. Citus has no such concept: our rebalance strategy
//! reads operator.pins. It is the default strategy, so that rebalances by hand respect the pins too.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

/// The name of our rebalance strategy in pg_dist_rebalance_strategy.
pub(super) const STRATEGY: &str = "pigeonhole";

/// Installs the strategy and makes it the default: by disk size, as Citus' default, and with the pins.
pub(super) async fn install_strategy(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_dist_rebalance_strategy WHERE name = 'pigeonhole') THEN
            PERFORM citus_add_rebalance_strategy(
                'pigeonhole', 'citus_shard_cost_by_disk_size', 'citus_node_capacity_1',
                'operator.shard_may_live_on', 0.1, 0.01, 0.5);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_dist_rebalance_strategy
                       WHERE name = 'pigeonhole' AND default_strategy) THEN
            PERFORM citus_set_default_rebalance_strategy('pigeonhole');
        END IF;
    END $$";
    coordinator.run("installing the rebalance strategy", sql).await
}

/// The node groups on which Citus has placed the pinned shards.
const PLACEMENTS: &str = "
    SELECT pin.colocation, pin.hash_value, p.groupid
    FROM operator.pins pin
    JOIN pg_dist_partition t ON t.colocationid = pin.colocation
    JOIN pg_dist_shard s ON s.logicalrelid = t.logicalrelid
        AND s.shardminvalue = pin.hash_value::text AND s.shardmaxvalue = pin.hash_value::text
    JOIN pg_dist_placement p ON p.shardid = s.shardid";

/// Moves pins on removed or drained nodes to the nodes that hold their shards now.
pub(super) async fn follow_moved_shards(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = format!(
        "UPDATE operator.pins pin SET groupid = placed.groupid
         FROM (SELECT DISTINCT ON (1, 2) * FROM ({PLACEMENTS}) placements ORDER BY 1, 2) placed
         WHERE placed.colocation = pin.colocation AND placed.hash_value = pin.hash_value
           AND placed.groupid <> pin.groupid
           AND NOT EXISTS (SELECT FROM pg_dist_node n WHERE n.groupid = pin.groupid
                           AND n.noderole = 'primary' AND n.isactive AND n.shouldhaveshards)"
    );
    coordinator.run("following pinned shards", &sql).await
}

/// Pins the shard that holds only this hash value to a node group. `alone`: no other shard may be placed
/// there.
pub(super) async fn pin(
    coordinator: &NodeConnection,
    colocation: i32,
    hash: i32,
    tenant: i64,
    group: i32,
    alone: bool,
) -> Result<(), ClusterError> {
    let sql = "INSERT INTO operator.pins (colocation, hash_value, tenant, groupid, alone)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (colocation, hash_value) DO UPDATE
               SET tenant = excluded.tenant, groupid = excluded.groupid, alone = excluded.alone,
                   pinned_at = now()";
    coordinator
        .rows("pinning the tenant", sql, &[&colocation, &hash, &tenant, &group, &alone])
        .await
        .map(|_| ())
}

/// Deletes a tenant's pins. Returns how many there were.
pub(super) async fn remove(coordinator: &NodeConnection, tenant: i64) -> Result<usize, ClusterError> {
    let sql = "DELETE FROM operator.pins WHERE tenant = $1 RETURNING 1";
    Ok(coordinator.rows("unpinning the tenant", sql, &[&tenant]).await?.len())
}
