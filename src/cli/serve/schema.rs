//! The schema of the database that `serve` uses.

use tokio_postgres::Config;

use super::super::schema::{check_login, open_database, require_current};
use crate::cluster;
use crate::db::{self, Database};
use crate::settings::Settings;

/// Whether tables that are still on a single server are to be distributed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TablePlacement {
    Unchanged,
    OverWorkers,
}

/// Migrates the schema in development and with the embedded database. An operator does that in production,
/// and where DATABASE_URL names a user without the rights for it.
pub(super) async fn prepare(
    settings: &Settings,
    config: &Config,
    distribution: TablePlacement,
) -> anyhow::Result<Database> {
    if settings.database.url.is_none() || (!settings.production() && db::may_migrate(config).await?) {
        for migration in db::migrate(config, settings.demo_tenant()).await?.applied {
            log::info!("applied migration {migration}");
        }
    } else {
        require_current(config).await?;
    }
    let embedded = settings.database.url.is_none();
    if embedded {
        db::create_web_logins(config, password_of(config).as_deref()).await?;
    }
    // After the migrations, because they create the table in which operations are recorded.
    if distribution == TablePlacement::OverWorkers {
        distribute_plain_tables(config).await?;
    }
    let login = if embedded { db::as_web_login(config) } else { config.clone() };
    let database = open_database(settings, &login);
    database.refuse_unsafe_schema().await?;
    check_login(settings, &database).await?;
    Ok(database)
}

/// The nodes of an embedded cluster ask for a password, and a single embedded server does not.
fn password_of(config: &Config) -> Option<String> {
    config.get_password().map(|password| String::from_utf8_lossy(password).into_owned())
}

/// Runs at each start, so that an interrupted distribution is completed.
async fn distribute_plain_tables(coordinator: &Config) -> anyhow::Result<()> {
    let coordinator = cluster::NodeConnection::coordinator(coordinator).await?;
    let plan = cluster::plan_distribution(&coordinator).await?;
    if !plan.is_empty() {
        plan.run(&coordinator, &|line: &str| log::info!("{line}")).await?;
    }
    cluster::copy_roles(&coordinator, &|line: &str| log::info!("{line}")).await?;
    Ok(())
}
