//! Forward-only migrations. refinery applies them and refuses edited or unknown ones. It has no lock, so this
//! file takes one: any number of processes may start at the same time.

use std::time::Duration;

use tokio_postgres::{Client, Config};

use super::connect::{ConnectError, connect, reason};
use super::connection::PooledConnection;
use super::error::DbError;
use super::older_notes::index_older_notes;
use super::role_conflict::retry_on_role_conflict;
use super::roles;
use super::row::DbRow;
use super::versions::MAY_TAKE_ROLE;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The key of the advisory lock that the migrating process holds; any fixed number will do.
const LOCK_KEY: i64 = 0x7069_6765_6f6e;
/// The key of the lock of the process that prepares older notes for searches.
const OLDER_NOTES_KEY: i64 = LOCK_KEY + 1;
const LOCK_TIMEOUT: Duration = Duration::from_secs(300);

/// The result of a migration run.
#[derive(Debug)]
pub struct MigrationReport {
    /// The names of the migrations that this run applied; empty when the schema was up to date.
    pub applied: Vec<String>,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another process held the lock for five minutes.
    #[error("another process has been migrating this database for over 300 seconds")]
    Locked,
    /// The schema is newer than this program, or an applied migration was edited.
    #[error("the database's schema does not fit this program: {0}")]
    Mismatch(String),
    /// A statement failed, and the whole migration was rolled back.
    #[error("{context}: {reason}")]
    Failed {
        context: &'static str,
        /// The database's message.
        reason: String,
    },
}

impl MigrateError {
    /// The database's message, if a statement failed.
    pub(super) fn reason(&self) -> Option<&str> {
        if let Self::Failed { reason, .. } = self { Some(reason) } else { None }
    }
}

pub(super) fn failed(context: &'static str) -> impl Fn(tokio_postgres::Error) -> MigrateError {
    move |error| MigrateError::Failed { context, reason: reason(&error) }
}

/// Applies pending migrations, and opens or closes the demo tenant as `demo_tenant` says. The first time the
/// user of `config` must be allowed to create roles.
///
/// # Errors
/// See [`MigrateError`]; a failed migration is rolled back.
pub async fn migrate(config: &Config, demo_tenant: bool) -> Result<MigrationReport, MigrateError> {
    let mut client = connect(config).await?;
    // The lock ends with this session, so it needs no release when this function fails.
    lock(&client).await?;
    let report =
        retry_on_role_conflict(async || run(&mut client, demo_tenant).await, MigrateError::reason).await?;
    let prepared = prepare_older_notes(&client).await;
    match prepared.map_err(failed("preparing older notes for searches")) {
        // A server starts while a node is down, as it did before there was something to prepare.
        Err(error) if report.applied.is_empty() => log::warn!("{error}; the next start tries again"),
        prepared => prepared?,
    }
    Ok(report)
}

/// Others may go on meanwhile: this may take minutes. It stops where another process does it.
async fn prepare_older_notes(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK_KEY]).await?;
    let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&OLDER_NOTES_KEY]).await?;
    if row.get(0) {
        index_older_notes(client).await?;
    }
    Ok(())
}

async fn run(client: &mut Client, demo_tenant: bool) -> Result<MigrationReport, MigrateError> {
    // A failed attempt may have left the session in the owner's role.
    client.batch_execute("RESET ROLE").await.map_err(failed("giving the owner's role back"))?;
    roles::prepare(client).await.map_err(failed("making the database roles"))?;
    client
        .batch_execute(&format!("SET ROLE {}", roles::OWNER))
        .await
        .map_err(failed("taking the owner's role"))?;
    let report = embedded::migrations::runner().run_async(client).await.map_err(|error| describe(&error))?;
    let readable = format!("GRANT SELECT ON public.refinery_schema_history TO {}", roles::APP);
    client
        .batch_execute(&readable)
        .await
        .map_err(failed("letting the application see the schema's history"))?;
    set_demo_tenant(client, demo_tenant).await.map_err(failed("setting up the demo tenant"))?;
    Ok(MigrationReport { applied: report.applied_migrations().iter().map(ToString::to_string).collect() })
}

/// The names of the migrations that the database lacks. Changes nothing.
///
/// # Errors
/// [`MigrateError::Mismatch`] when an applied migration is unknown to this program or has another text.
pub async fn pending(config: &Config) -> Result<Vec<String>, MigrateError> {
    let client = connect(config).await?;
    let history = history(&client).await?;
    let runner = embedded::migrations::runner();
    let known = runner.get_migrations();
    for (version, name, checksum) in &history {
        let is_known = known.iter().any(|migration| {
            migration.version() == *version
                && migration.name() == name
                && migration.checksum().to_string() == *checksum
        });
        if !is_known {
            return Err(MigrateError::Mismatch(format!(
                "it has applied V{version}__{name}, which this program does not know in that form"
            )));
        }
    }
    let is_pending = |version: i32| history.iter().all(|(applied, ..)| *applied != version);
    let pending = known.iter().filter(|migration| is_pending(migration.version()));
    Ok(pending.map(ToString::to_string).collect())
}

/// Version, name and checksum of each applied migration.
async fn history(client: &Client) -> Result<Vec<(i32, String, String)>, MigrateError> {
    let has_table: bool = client
        .query_one("SELECT to_regclass('public.refinery_schema_history') IS NOT NULL", &[])
        .await
        .map_err(failed("looking for the schema's history"))?
        .get(0);
    if !has_table {
        return Ok(Vec::new());
    }
    // An administrator may take the owner's role, the login of `serve` the application's role; both may read
    // the history.
    for role in [roles::OWNER, roles::APP] {
        if client.batch_execute(&format!("SET ROLE {role}")).await.is_ok() {
            break;
        }
    }
    let rows = client
        .query("SELECT version, name, checksum FROM public.refinery_schema_history", &[])
        .await
        .map_err(failed("reading the schema's history"))?;
    Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
}

/// An applied migration.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AppliedMigration {
    /// Such as V3__teams_and_messages.
    pub name: String,
    pub applied_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The applied migrations, in order.
pub(super) async fn applied(client: &PooledConnection) -> Result<Vec<AppliedMigration>, DbError> {
    let query = "SELECT version, name, applied_on FROM public.refinery_schema_history ORDER BY version";
    let rows = client.query(query, &[]).await?;
    let parsed = |text: String| chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| at.to_utc());
    Ok(rows
        .iter()
        .map(|row| AppliedMigration {
            name: format!("V{}__{}", row.get::<_, i32>(0), row.get::<_, String>(1)),
            applied_at: row.get::<_, Option<String>>(2).and_then(parsed),
        })
        .collect())
}

/// Whether the user of `config` may migrate. The login of `serve` may not, and leaves it to an administrator.
///
/// # Errors
/// No connection, or a failure of the database.
pub async fn may_migrate(config: &Config) -> Result<bool, MigrateError> {
    let query = format!(
        "SELECT rolsuper OR rolcreaterole OR EXISTS (
             SELECT FROM pg_roles owner WHERE owner.rolname = $1
             AND pg_has_role(current_user, owner.oid, {MAY_TAKE_ROLE}))
         FROM pg_roles WHERE rolname = current_user"
    );
    let row = connect(config)
        .await?
        .query_one(&query, &[&roles::OWNER])
        .await
        .map_err(failed("looking at the user's rights"))?;
    Ok(row.get(0))
}

pub(super) async fn lock(client: &Client) -> Result<(), MigrateError> {
    let started = tokio::time::Instant::now();
    loop {
        let row = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK_KEY])
            .await
            .map_err(failed("taking the migration lock"))?;
        if row.get(0) {
            return Ok(());
        }
        if started.elapsed() > LOCK_TIMEOUT {
            return Err(MigrateError::Locked);
        }
        log::info!("another process is migrating this database; waiting for it");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn describe(error: &refinery::Error) -> MigrateError {
    use refinery::error::Kind;
    match error.kind() {
        Kind::DivergentVersion(applied, _) => {
            MigrateError::Mismatch(format!("the applied migration {applied} differs from this program's"))
        }
        Kind::MissingVersion(missing) => {
            MigrateError::Mismatch(format!("it has applied {missing}, which this program does not know"))
        }
        _ => {
            let mut deepest: &dyn std::error::Error = error;
            while let Some(source) = deepest.source() {
                deepest = source;
            }
            MigrateError::Failed { context: "applying the migrations", reason: deepest.to_string() }
        }
    }
}

// A user may have created an organization of that name while there was no demo; then the demo takes another
// name.
const INSERT_DEMO: &str = "
    INSERT INTO shared.tenants (id, name, name_key, join_policy)
    SELECT 1, name, lower(name), 'open'
    FROM (VALUES (1, 'Demo'), (2, 'Pigeonhole demo'), (3, 'Demo of tenant 1')) AS wanted (place, name)
    WHERE NOT EXISTS (SELECT FROM shared.tenants WHERE name_key = lower(wanted.name))
    ORDER BY place LIMIT 1";

/// Tenant 1 is the demo: open when `wanted`, and by invitation only otherwise.
async fn set_demo_tenant(client: &Client, wanted: bool) -> Result<(), tokio_postgres::Error> {
    let policy = client
        .query_opt("SELECT join_policy FROM shared.tenants WHERE id = 1", &[])
        .await?
        .map(|row| row.get::<_, String>(0));
    let statement = match (policy.as_deref(), wanted) {
        (None, true) => INSERT_DEMO,
        (Some("invite"), true) => "UPDATE shared.tenants SET join_policy = 'open' WHERE id = 1",
        (Some("open"), false) => "UPDATE shared.tenants SET join_policy = 'invite' WHERE id = 1",
        _ => return Ok(()),
    };
    client.batch_execute(statement).await
}
