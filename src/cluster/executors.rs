//! How many moves run at once. Citus runs one; more are let in for the time of a job and put back afterwards.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

const RAISED: [(&str, &str); 2] =
    [("citus.max_background_task_executors", "4"), ("citus.max_background_task_executors_per_node", "2")];

/// Lets more moves run at once, where the operator has not set a number.
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

/// Takes back what `raise` did.
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
