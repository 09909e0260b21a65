//! Group numbers of nodes. Ids generated on a worker start at its group number times 2^48. A group above 31
//! would generate ids above 2^53, which JavaScript cannot represent, and a group that is used for a second
//! server would generate ids again that exist. Citus' own sequence of group numbers jumps after a crash, so
//! this program chooses the number: the lowest that was never used.

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;

/// The highest group number whose ids stay below 2^53.
pub(crate) const LAST: i32 = 31;

/// Copies the groups of pg_dist_node into operator.node_groups, if the schema has that table already.
pub(crate) async fn record_known(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "INSERT INTO operator.node_groups (groupid, address)
               SELECT groupid, min(nodename || ':' || nodeport) FROM pg_dist_node
               WHERE noderole = 'primary' GROUP BY groupid
               ON CONFLICT (groupid) DO UPDATE SET address = excluded.address, removed_at = NULL
               WHERE (operator.node_groups.address, operator.node_groups.removed_at IS NULL)
                     IS DISTINCT FROM (excluded.address, true)";
    if table_exists(coordinator).await? {
        coordinator.run("recording group numbers", sql).await
    } else {
        Ok(())
    }
}

async fn table_exists(coordinator: &NodeConnection) -> Result<bool, ClusterError> {
    let sql = "SELECT to_regclass('operator.node_groups') IS NOT NULL";
    Ok(coordinator.row("looking for the record of group numbers", sql, &[]).await?.get(0))
}

/// The lowest group number that no server ever had. Refuses when all numbers up to [`LAST`] are used.
pub(crate) async fn next_free(coordinator: &NodeConnection) -> Result<i32, ClusterError> {
    let recorded =
        if table_exists(coordinator).await? { "UNION SELECT groupid FROM operator.node_groups" } else { "" };
    let sql = format!(
        "SELECT number FROM generate_series(1, {LAST}) number
         WHERE number NOT IN (SELECT groupid FROM pg_dist_node
                              UNION SELECT node_group_id FROM pg_dist_cleanup {recorded})
         ORDER BY number LIMIT 1"
    );
    match coordinator.rows("choosing a group number", &sql, &[]).await?.first() {
        Some(row) => Ok(row.get(0)),
        None => obstacle(format!(
            "all {LAST} group numbers were given out; a node added now would give out ids above 2^53, which \
             scripts cannot hold"
        )),
    }
}

/// Records a group number as used. Call it in the transaction that adds the node.
pub(crate) async fn record(
    coordinator: &NodeConnection,
    group: i32,
    address: &HostPort,
) -> Result<(), ClusterError> {
    if !table_exists(coordinator).await? {
        return Ok(());
    }
    let sql = "INSERT INTO operator.node_groups (groupid, address) VALUES ($1, $2)";
    coordinator.rows("recording the group number", sql, &[&group, &address.to_string()]).await.map(|_| ())
}

/// Records that the node of this group was removed. The group number stays used.
pub(crate) async fn mark_removed(coordinator: &NodeConnection, group: i32) -> Result<(), ClusterError> {
    let sql = "UPDATE operator.node_groups SET removed_at = now() WHERE groupid = $1";
    coordinator.rows("recording the removal", sql, &[&group]).await.map(|_| ())
}
