//! How many shard moves run at once: Citus' default is one. The limit is raised while a job runs.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

const RAISED: [(&str, &str); 2] =
    [("citus.max_background_task_executors", "4"), ("citus.max_background_task_executors_per_node", "2")];

/// Raises the limits, unless the operator has set them.
pub(super) async fn raise(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    for (setting, value) in RAISED {
        let sql = "SELECT source = 'default' FROM pg_settings WHERE name = $1";
        if coordinator.row("looking at the executors", sql, &[&setting]).await?.get(0) {
            coordinator
                .run("letting more moves run at once", &format!("ALTER SYSTEM SET {setting} = {value}"))
                .await?;
        }
    }
    coordinator.run("reloading the settings", "SELECT pg_reload_conf()").await
}

/// Resets the limits that [`raise`] set, and no others: it compares their values.
pub(super) async fn lower(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    for (setting, value) in RAISED {
        let sql = "SELECT EXISTS (SELECT FROM pg_file_settings WHERE name = $1 AND setting = $2 \
            AND sourcefile LIKE '%postgresql.auto.conf')";
        if coordinator.row("looking at the executors", sql, &[&setting, &value]).await?.get(0) {
            coordinator.run("putting the executors back", &format!("ALTER SYSTEM RESET {setting}")).await?;
        }
    }
    coordinator.run("reloading the settings", "SELECT pg_reload_conf()").await
}
