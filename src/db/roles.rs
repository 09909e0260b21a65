//! The database roles: one that owns the tables and runs migrations, and one for each kind of work, with the
//! least privileges that it needs. Roles belong to the whole server, so they are created here, before the
//! first migration, and not by a migration.

use tokio_postgres::Client;

use super::node_cores;
use super::versions::MAY_TAKE_ROLE;

/// Owns every table and runs migrations.
pub(super) const OWNER: &str = "pigeonhole_owner";
/// Reads and writes one tenant's rows under row-level security.
pub(super) const APP: &str = "pigeonhole_app";
/// Reads the login directory.
pub(super) const LOGIN: &str = "pigeonhole_login";
/// Creates tenants and users.
pub(super) const SIGN_UP: &str = "pigeonhole_signup";
/// Removes expired rows of all tenants, and all rows of a deleted tenant.
pub(super) const MAINTENANCE: &str = "pigeonhole_maintenance";
/// Sees which tenants have due messages, but not their contents.
pub(super) const RELAY: &str = "pigeonhole_relay";
/// Reads the statistics of PostgreSQL and Citus, and the tables of operators.
pub(super) const CONSOLE: &str = "pigeonhole_console";
/// Reads the outbox of all tenants without payloads, and retries or deletes failed messages.
pub(super) const BACKLOG: &str = "pigeonhole_backlog";

pub(super) const ALL: [&str; 8] = [OWNER, APP, LOGIN, SIGN_UP, MAINTENANCE, RELAY, CONSOLE, BACKLOG];
/// The roles that `serve` and `worker` take.
pub(super) const OF_REQUESTS: [&str; 7] = [APP, LOGIN, SIGN_UP, MAINTENANCE, RELAY, CONSOLE, BACKLOG];
/// The login that a `serve` without an administrator's login is given. Its connections log in as
/// [`login_of`]; see `logins`.
pub(super) const WEB: &str = "pigeonhole_web";

/// The login for one kind of work: it can take this role and no other.
pub(super) fn login_of(role: &str) -> String {
    format!("{WEB}_{}", role.strip_prefix("pigeonhole_").unwrap_or(role))
}

/// The server's time limits. They are shorter than `checkout::CALL_DEADLINE`, which covers a frozen server.
pub(super) const TIME_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "2s"), ("lock_timeout", "1500ms"), ("idle_in_transaction_session_timeout", "10s")];

/// An operator's statement counts all messages of a week, which takes longer than a request may.
const BACKLOG_STATEMENT_TIMEOUT: &str = "60s";

/// Our connections set the limits themselves. The role needs them for the connections that Citus opens
/// between nodes.
fn time_limits(role: &str) -> String {
    TIME_LIMITS
        .map(|(setting, limit)| {
            let counts_all = role == BACKLOG && setting == "statement_timeout";
            let limit = if counts_all { BACKLOG_STATEMENT_TIMEOUT } else { limit };
            format!("ALTER ROLE {role} SET {setting} = '{limit}';")
        })
        .concat()
}

/// A user who may not grant pg_monitor can still serve; the console then shows less.
const GRANT_MONITOR: &str = "DO $$ BEGIN
        IF NOT pg_has_role('pigeonhole_console', 'pg_monitor', 'MEMBER') THEN
            GRANT pg_monitor TO pigeonhole_console;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation THEN NULL;
    END $$";

/// A server that preloads pg_stat_statements needs the extension for its view. Citus creates it on the other
/// nodes too.
const CREATE_STAT_STATEMENTS: &str = "DO $$ BEGIN
        IF current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'
           AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
           AND EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) THEN
            CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation OR duplicate_object OR undefined_file THEN NULL;
    END $$";

/// Creates the roles, schemas and privileges that migrations need, and what only an administrator may create.
/// It may run any number of times.
///
/// The roles have LOGIN because Citus connects to its workers as the current role. They have no password, so
/// a server that asks for one refuses them.
pub(super) async fn prepare(client: &Client) -> Result<(), tokio_postgres::Error> {
    for role in ALL {
        create_role(client, role).await?;
    }
    client.batch_execute(GRANT_MONITOR).await?;
    client.batch_execute(CREATE_STAT_STATEMENTS).await?;
    create_schemas(client).await?;
    node_cores::create_function(client).await
}

/// Creates a role if it is missing, and lets the current user take it.
async fn create_role(client: &Client, role: &str) -> Result<(), tokio_postgres::Error> {
    let limits = if role == OWNER { String::new() } else { time_limits(role) };
    client
        .batch_execute(&format!(
            "DO $$ BEGIN
                 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                     CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
                     {limits}
                 END IF;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
             END $$"
        ))
        .await?;
    let may_take = format!("SELECT pg_has_role(current_user, $1::text::name, {MAY_TAKE_ROLE})");
    if !client.query_one(&may_take, &[&role]).await?.get::<_, bool>(0) {
        client.batch_execute(&format!("GRANT {role} TO CURRENT_USER")).await?;
    }
    Ok(())
}

async fn create_schemas(client: &Client) -> Result<(), tokio_postgres::Error> {
    let exist: bool = client
        .query_one(
            "SELECT (SELECT count(*) FROM pg_namespace
                    WHERE nspname IN ('shared', 'operator', 'requests')) = 3
                AND has_schema_privilege('pigeonhole_owner', 'public', 'CREATE')",
            &[],
        )
        .await?
        .get(0);
    if !exist {
        client
            .batch_execute(&format!(
                "CREATE SCHEMA IF NOT EXISTS shared AUTHORIZATION {OWNER};
                 CREATE SCHEMA IF NOT EXISTS operator AUTHORIZATION {OWNER};
                 CREATE SCHEMA IF NOT EXISTS requests AUTHORIZATION {OWNER};
                 GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};"
            ))
            .await?;
    }
    Ok(())
}
