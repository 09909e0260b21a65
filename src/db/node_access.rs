//! Passwords of the roles, for clusters whose nodes ask each other for a password. A node connects to another
//! as the role of the query, so each of our roles needs the password that the nodes' password file holds.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, Config};

use super::connect::connect;
use super::migrate::{MigrateError, failed, lock};
use super::roles;

/// Creates missing roles and sets the password by which nodes connect to each other. It must run before the
/// first migration, which distributes the tables as their owner.
///
/// # Errors
/// See [`MigrateError`].
pub async fn set_node_passwords(config: &Config, password: &str) -> Result<(), MigrateError> {
    let client = connect(config).await?;
    lock(&client).await?;
    roles::prepare(&client).await.map_err(failed("making the database roles"))?;
    for role in roles::ALL {
        if !can_log_in(config, role, password).await {
            set_password(&client, role, password).await?;
        }
    }
    Ok(())
}

/// Whether the role can log in with this password.
pub(super) async fn can_log_in(config: &Config, role: &str, password: &str) -> bool {
    let mut config = config.clone();
    config.user(role).password(password);
    connect(&config).await.is_ok()
}

/// Hashes the password here, so that no statement and no log contains it.
pub(super) async fn set_password(client: &Client, role: &str, password: &str) -> Result<(), MigrateError> {
    let verifier = scram_sha_256(password.as_bytes());
    client
        .batch_execute(&format!("ALTER ROLE {role} PASSWORD '{verifier}'"))
        .await
        .map_err(failed("giving a role its password"))
}
