//! Group numbers. A worker's ids start at its group's number times 2^48, so a number above 31 would give ids
//! that JavaScript cannot hold, and a number given to a second server would give ids out twice. Citus' own
//! sequence jumps after a crash; therefore each number is chosen here, the lowest that was never given out.

use super::address::NodeAddress;
use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;

/// The last number whose ids stay below 2^53.
pub(crate) const LAST: i32 = 31;

/// Takes the groups that Citus knows into our record, where it exists.
pub(crate) async fn record_known(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "INSERT INTO operator.node_groups (groupid, address)
               SELECT groupid, min(nodename || ':' || nodeport) FROM pg_dist_node
               WHERE noderole = 'primary' GROUP BY groupid
               ON CONFLICT (groupid) DO UPDATE SET address = excluded.address, removed_at = NULL
               WHERE (operator.node_groups.address, operator.node_groups.removed_at IS NULL) IS DISTINCT
               FROM (excluded.address, true)";
    if recorded(coordinator).await? { coordinator.run("recording group numbers", sql).await } else { Ok(()) }
}

async fn recorded(coordinator: &NodeConnection) -> Result<bool, ClusterError> {
    let sql = "SELECT to_regclass('operator.node_groups') IS NOT NULL";
    Ok(coordinator.row("looking for the record of group numbers", sql, &[]).await?.get(0))
}

/// The lowest number that no server ever had.
pub(crate) async fn next_free(coordinator: &NodeConnection) -> Result<i32, ClusterError> {
    let ours =
        if recorded(coordinator).await? { "UNION SELECT groupid FROM operator.node_groups" } else { "" };
    let sql = format!(
        "SELECT number FROM generate_series(1, {LAST}) number
         WHERE number NOT IN (SELECT groupid FROM pg_dist_node UNION SELECT node_group_id
         FROM pg_dist_cleanup {ours})
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

/// The statement that records a number, to run in the transaction that adds the node.
pub(crate) async fn record(
    coordinator: &NodeConnection,
    group: i32,
    address: &NodeAddress,
) -> Result<(), ClusterError> {
    if !recorded(coordinator).await? {
        return Ok(());
    }
    let sql = "INSERT INTO operator.node_groups (groupid, address) VALUES ($1, $2)";
    coordinator.rows("recording the group number", sql, &[&group, &address.to_string()]).await.map(|_| ())
}

/// Notes that the server with this number is gone; the number stays taken.
pub(crate) async fn mark_removed(coordinator: &NodeConnection, group: i32) -> Result<(), ClusterError> {
    let sql = "UPDATE operator.node_groups SET removed_at = now() WHERE groupid = $1";
    coordinator.rows("recording the removal", sql, &[&group]).await.map(|_| ())
}
