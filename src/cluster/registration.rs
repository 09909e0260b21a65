//! Adding a worker to the cluster's metadata.

use super::address::HostPort;
use super::error::{ClusterError, obstacle, retry_on_role_conflict};
use super::node_connection::{NodeConnection, Values};
use super::say::Say;
use super::{groups, node};

/// Adds a worker under a group number that this program chooses, or activates one that was added before. True
/// when it was added.
pub(super) async fn register(
    coordinator: &NodeConnection,
    address: &HostPort,
    node: &NodeConnection,
    say: Say<'_>,
) -> Result<bool, ClusterError> {
    let nodes = node::list(coordinator).await?;
    if let Some(known) = nodes.iter().find(|node| node.address == *address) {
        if !known.active || !known.synced {
            retry_on_role_conflict(async || activate(coordinator, address).await).await?;
        }
        say(&format!("{address}: already a worker, group {}", known.group));
        return Ok(false);
    }
    require_fresh(node, address).await?;
    let group = retry_on_role_conflict(async || add(coordinator, address).await).await?;
    say(&format!("{address}: added as worker, group {group}"));
    Ok(true)
}

async fn activate(coordinator: &NodeConnection, address: &HostPort) -> Result<(), ClusterError> {
    let call = "SELECT citus_activate_node($1, $2)";
    let values: Values = &[&address.host(), &address.port()];
    coordinator.rows("activating the node", call, values).await.map(|_| ())
}

async fn add(coordinator: &NodeConnection, address: &HostPort) -> Result<i32, ClusterError> {
    groups::record_known(coordinator).await?;
    let group = groups::next_free(coordinator).await?;
    coordinator.run("beginning", "BEGIN").await?;
    let added = async {
        groups::record(coordinator, group, address).await?;
        let call = "SELECT citus_add_node($1, $2, groupid => $3)";
        coordinator.rows("adding the node", call, &[&address.host(), &address.port(), &group]).await?;
        coordinator.run("committing", "COMMIT").await
    }
    .await;
    if added.is_err() {
        let _ = coordinator.run("rolling back", "ROLLBACK").await;
    }
    added.map(|()| group)
}

/// Refuses a server that was part of a cluster before: its old metadata and tables would mix with ours.
async fn require_fresh(node: &NodeConnection, address: &HostPort) -> Result<(), ClusterError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_dist_node), to_regclass('shared.tenants') IS NOT NULL";
    let row = node.row("looking for an older cluster", sql, &[]).await?;
    if row.get(0) {
        return obstacle(format!(
            "{address} still belongs to a cluster, or has that cluster's metadata; on that server: DROP \
             EXTENSION citus CASCADE, or drop the database and create it again"
        ));
    }
    if row.get(1) {
        return obstacle(format!(
            "the database on {address} already has our tables; drop it there and create it again, empty"
        ));
    }
    Ok(())
}
