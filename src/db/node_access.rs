//! Passwords for the roles, where nodes of a cluster ask each other for one. A node connects to the others as
//! the role that a query runs as, so each of our roles needs what the nodes' password file gives.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, Config};

use super::connect::connect;
use super::migrate::{MigrateError, failed, lock};
use super::roles;
use super::versions::MAY_TAKE_ROLE;

/// Makes the roles where they are missing and gives them the password by which nodes connect to each other.
/// Before the first migration, which distributes the tables as their owner.
///
/// # Errors
/// See [`MigrateError`].
pub async fn let_nodes_connect(config: &Config, password: &str) -> Result<(), MigrateError> {
    let client = connect(config).await?;
    lock(&client).await?;
    roles::prepare(&client).await.map_err(failed("making the database roles"))?;
    for role in roles::ALL {
        if !opens(config, role, password).await {
            set_password(&client, role, password).await?;
        }
    }
    Ok(())
}

/// Makes the login by which `serve` connects where its own is not an administrator's: it can do nothing
/// itself and may take the roles that requests need, but neither the owner's nor another.
///
/// # Errors
/// See [`MigrateError`].
pub async fn place_web_login(config: &Config, password: &str) -> Result<(), MigrateError> {
    let client = connect(config).await?;
    lock(&client).await?;
    roles::prepare(&client).await.map_err(failed("making the database roles"))?;
    let known = client
        .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&roles::WEB])
        .await
        .map_err(failed("looking for a role"))?;
    if known.is_none() {
        let statement = format!(
            "CREATE ROLE {} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
            roles::WEB
        );
        client.batch_execute(&statement).await.map_err(failed("making the web's role"))?;
    }
    for role in roles::OF_REQUESTS {
        let taken = format!("SELECT pg_has_role($1::text::name, $2::text::name, {MAY_TAKE_ROLE})");
        let may_take: bool = client
            .query_one(&taken, &[&roles::WEB, &role])
            .await
            .map_err(failed("looking at a role"))?
            .get(0);
        if !may_take {
            client
                .batch_execute(&format!("GRANT {role} TO {}", roles::WEB))
                .await
                .map_err(failed("granting a role"))?;
        }
    }
    if !opens(config, roles::WEB, password).await {
        set_password(&client, roles::WEB, password).await?;
    }
    Ok(())
}

async fn opens(config: &Config, role: &str, password: &str) -> bool {
    let mut config = config.clone();
    config.user(role).password(password);
    connect(&config).await.is_ok()
}

/// Hashed here, so that the password itself is in no statement and in no log.
async fn set_password(client: &Client, role: &str, password: &str) -> Result<(), MigrateError> {
    let verifier = scram_sha_256(password.as_bytes());
    client
        .batch_execute(&format!("ALTER ROLE {role} PASSWORD '{verifier}'"))
        .await
        .map_err(failed("giving a role its password"))
}
