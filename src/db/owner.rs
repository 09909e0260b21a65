//! Connections for the commands of an administrator that work on all tenants at once.

use tokio_postgres::{Client, Config};

use super::connect::{ConnectError, connect, unusable};
use super::roles;

/// Connects as the user of `config` and takes the role that owns the tables. Row-level security does not
/// apply to that role.
///
/// # Errors
/// When there is no session within 5 seconds, or the user may not take that role.
pub async fn connect_as_owner(config: &Config) -> Result<Client, ConnectError> {
    let client = connect(config).await?;
    client
        .batch_execute(&format!("SET ROLE {}", roles::OWNER))
        .await
        .map_err(|error| unusable(config, &error))?;
    Ok(client)
}
