//! The database of commands that serve, and its check: they need the current schema.

use tokio_postgres::Config;

use crate::db::{self, Database, PoolLimits};
use crate::settings::Settings;

/// # Errors
/// When migrations are missing, with their names.
pub(super) async fn require_current(config: &Config) -> anyhow::Result<()> {
    let missing = db::pending(config).await?.join(", ");
    anyhow::ensure!(
        missing.is_empty(),
        "the schema is older than this program; run `pigeonhole migrate` first (missing: {missing})"
    );
    let missing = db::missing_web_logins(config).await?.join(", ");
    anyhow::ensure!(
        missing.is_empty(),
        "the database's logins are those of an older version; run `pigeonhole migrate` with WEB_PASSWORD \
         first (missing: {missing})"
    );
    Ok(())
}

/// The database of `config` with the limits that are set; nothing is connected yet.
pub(super) fn open_database(settings: &Settings, config: &Config) -> Database {
    let limits = &settings.database;
    let pools = PoolLimits { connections: limits.pool_size, at_once: limits.node_concurrency };
    Database::new(config, pools).with_limits(settings.limits.limits())
}

/// Refuses in production, and warns of in development, a login of the database that can do more than the
/// roles of requests.
///
/// # Errors
/// When the program must not serve with it.
pub(super) async fn check_login(settings: &Settings, database: &Database) -> anyhow::Result<()> {
    let Some(finding) = database.overpowered_login().await? else { return Ok(()) };
    let risk = format!("the login {finding}, so row-level security does not hold an attacker who runs SQL");
    let cure = "use pigeonhole_web, which `pigeonhole migrate` makes with WEB_PASSWORD";
    if settings.production() && !settings.database.administrator_login {
        anyhow::bail!(
            "refusing to serve: {risk}; {cure}, or set ADMINISTRATOR_LOGIN=on to serve all the same"
        );
    }
    log::warn!("{risk}; {cure}");
    Ok(())
}
