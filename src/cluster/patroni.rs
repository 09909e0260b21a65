//! Patroni adds the nodes of its clusters and follows their primaries, so this program must not.

use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;

/// Refuses when Patroni manages the coordinator.
pub(super) async fn require_unmanaged(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'Patroni%')";
    if coordinator.row("looking for Patroni", sql, &[]).await?.get(0) {
        return obstacle(
            "Patroni manages the nodes of this cluster; add and remove them there, then use rebalance and \
             drain here",
        );
    }
    Ok(())
}
