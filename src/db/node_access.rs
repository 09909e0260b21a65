//! Passwords of the roles, for clusters whose nodes ask each other for a password. A node connects to another
//! as the role of the query, so each of our roles needs the password that the nodes' password file holds.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, Config};

use super::connect::connect;
use super::migrate::{MigrateError, failed, lock};
use super::roles;
use super::versions::MAY_TAKE_ROLE;

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

/// Creates the login for a `serve` that has no administrator's login. It has no rights of its own and may
/// take the roles that requests need, but not the owner's.
///
/// # Errors
/// See [`MigrateError`].
pub async fn create_web_login(config: &Config, password: &str) -> Result<(), MigrateError> {
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
    if !can_log_in(config, roles::WEB, password).await {
        set_password(&client, roles::WEB, password).await?;
    }
    Ok(())
}

async fn can_log_in(config: &Config, role: &str, password: &str) -> bool {
    let mut config = config.clone();
    config.user(role).password(password);
    connect(&config).await.is_ok()
}

/// Hashes the password here, so that no statement and no log contains it.
async fn set_password(client: &Client, role: &str, password: &str) -> Result<(), MigrateError> {
    let verifier = scram_sha_256(password.as_bytes());
    client
        .batch_execute(&format!("ALTER ROLE {role} PASSWORD '{verifier}'"))
        .await
        .map_err(failed("giving a role its password"))
}
