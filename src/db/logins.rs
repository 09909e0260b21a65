//! The logins of `serve` and `worker`. A connection that logs in as an administrator and takes a role can
//! give the role back (SET ROLE NONE), so row-level security would not hold an attacker who runs SQL. Each
//! kind of work therefore has a login of its own, which has no rights and can take one role. All have one
//! password, which no SQL can read.

use tokio_postgres::{Client, Config};

use super::checkout::{CALL_DEADLINE, with_connection};
use super::connect::connect;
use super::connection::Pool;
use super::error::DbError;
use super::migrate::{MigrateError, failed, lock};
use super::node_access::{can_log_in, set_password};
use super::role_conflict::retry_on_role_conflict;
use super::roles;
use super::versions::MAY_TAKE_ROLE;

/// The first role by which the login of this connection is more than the role that it took.
fn overpowered() -> String {
    format!(
        "SELECT session_user::text || CASE WHEN r.rolname = session_user THEN ' ' ELSE
                ' may become ' || r.rolname::text || ', which ' END || CASE
             WHEN r.rolsuper THEN 'is a superuser'
             WHEN r.rolbypassrls THEN 'bypasses row-level security'
             WHEN r.rolname = $1
               OR r.rolname IN (SELECT tableowner FROM pg_tables WHERE schemaname = 'shared')
             THEN 'owns the tables'
             ELSE 'may create roles' END
         FROM pg_roles r
         WHERE pg_has_role(session_user, r.oid, {MAY_TAKE_ROLE})
           AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolname = $1
                OR r.rolname IN (SELECT tableowner FROM pg_tables WHERE schemaname = 'shared'))
         ORDER BY r.rolname <> session_user, r.rolsuper DESC, r.rolname LIMIT 1"
    )
}

/// The same server with the login `pigeonhole_web`, with which the connections of [`super::Database`] log in
/// as logins of their own.
#[must_use]
pub fn as_web_login(config: &Config) -> Config {
    let mut config = config.clone();
    config.user(roles::WEB);
    config
}

/// The configuration of a connection that works as `role`: with the login of that role if `config` names
/// `pigeonhole_web`, and otherwise with the login of `config`.
pub(crate) fn logging_in_for(config: &Config, role: &str) -> Config {
    let mut config = config.clone();
    if config.get_user() == Some(roles::WEB) {
        config.user(roles::login_of(role));
    }
    config
}

/// Creates the login `pigeonhole_web` and that of each kind of work, as far as they are missing, with this
/// password. Without a password only a server that asks for none lets them in.
///
/// # Errors
/// See [`MigrateError`].
pub async fn create_web_logins(config: &Config, password: Option<&str>) -> Result<(), MigrateError> {
    let client = connect(config).await?;
    if !missing(&client, &roles::OF_REQUESTS.map(str::to_owned)).await?.is_empty() {
        lock(&client).await?;
        retry_on_role_conflict(
            async || roles::prepare(&client).await.map_err(failed("making the database roles")),
            MigrateError::reason,
        )
        .await?;
    }
    retry_on_role_conflict(async || create(&client).await, MigrateError::reason).await?;
    for login in all_logins() {
        if let Some(password) = password
            && !can_log_in(config, &login, password).await
        {
            set_password(&client, &login, password).await?;
        }
    }
    Ok(())
}

async fn create(client: &Client) -> Result<(), MigrateError> {
    for login in missing(client, &all_logins()).await? {
        let statement =
            format!("CREATE ROLE {login} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS");
        client.batch_execute(&statement).await.map_err(failed("making a login"))?;
    }
    for role in roles::OF_REQUESTS {
        for login in [roles::WEB.to_owned(), roles::login_of(role)] {
            grant(client, role, &login).await?;
        }
    }
    Ok(())
}

async fn grant(client: &Client, role: &str, login: &str) -> Result<(), MigrateError> {
    let taken = format!("SELECT pg_has_role($1::text::name, $2::text::name, {MAY_TAKE_ROLE})");
    let row = client.query_one(&taken, &[&login, &role]).await.map_err(failed("looking at a role"))?;
    if row.get(0) {
        return Ok(());
    }
    client.batch_execute(&format!("GRANT {role} TO {login}")).await.map_err(failed("granting a role"))
}

fn all_logins() -> Vec<String> {
    std::iter::once(roles::WEB.to_owned()).chain(roles::OF_REQUESTS.map(roles::login_of)).collect()
}

/// Those of the roles that the server does not have.
async fn missing(client: &Client, names: &[String]) -> Result<Vec<String>, MigrateError> {
    let query = "SELECT name FROM unnest($1::text[]) name
                 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)";
    let rows = client.query(query, &[&names]).await.map_err(failed("looking for the logins"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The logins that `config` needs and the server lacks: older versions knew `pigeonhole_web` only.
///
/// # Errors
/// No connection, or a failure of the database.
pub async fn missing_web_logins(config: &Config) -> Result<Vec<String>, MigrateError> {
    if config.get_user() != Some(roles::WEB) {
        return Ok(Vec::new());
    }
    missing(&connect(config).await?, &all_logins()).await
}

/// What the login of the pool's connections may do beyond their role, in words; none when it can do nothing.
pub(super) async fn overpowered_login(pool: &Pool) -> Result<Option<String>, DbError> {
    let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
    with_connection(deadline, pool, async |client| {
        Ok(client.query_opt(&overpowered(), &[&roles::OWNER]).await?.map(|row| row.get(0)))
    })
    .await
}
