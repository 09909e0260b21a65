//! Connections for work on all tenants at once, which an administrator starts by hand.

use tokio_postgres::{Client, Config};

use super::connect::{ConnectError, connect, unusable};
use super::roles;

/// Connects as the user of `config` and takes the role that owns the tables, to which row-level security does
/// not apply.
///
/// # Errors
/// When no session stands within 5 seconds, or the user may not take that role.
pub async fn connect_as_owner(config: &Config) -> Result<Client, ConnectError> {
    let client = connect(config).await?;
    client
        .batch_execute(&format!("SET ROLE {}", roles::OWNER))
        .await
        .map_err(|error| unusable(config, &error))?;
    Ok(client)
}
