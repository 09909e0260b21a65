//! Connections for an operator's work on the messages of all tenants, as a role that can do nothing else.

use std::time::Duration;

use tokio_postgres::{Client, Config};

use super::connect::{ConnectError, connect};
use super::pool::as_role;
use super::roles;

/// The settings of such a connection, whose statements take at most `timeout`.
pub fn as_backlog_role(config: &Config, timeout: Duration) -> Config {
    let mut config = as_role(config, roles::BACKLOG);
    let given = config.get_options().unwrap_or_default().to_owned();
    // Citus would open a connection for each shard of a node otherwise.
    let to_nodes = "-c citus.max_adaptive_executor_pool_size=1";
    config.options(format!("{given} {to_nodes} -c statement_timeout={}", timeout.as_millis()));
    config
}

/// Connects with the settings of [`as_backlog_role`].
///
/// # Errors
/// When there is no session within 5 seconds, or the user may not take the role.
pub async fn connect_to_backlog(config: &Config, timeout: Duration) -> Result<Client, ConnectError> {
    connect(&as_backlog_role(config, timeout)).await
}
