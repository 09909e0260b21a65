//! `pigeonhole migrate`.

use anyhow::Context;

use super::{node_passwords, output};
use crate::db;
use crate::settings::Settings;

/// Brings the schema up to date.
///
/// # Errors
/// One line that says what failed.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = settings
        .database
        .url
        .as_ref()
        .context("migrate needs DATABASE_URL; the embedded database is migrated by serve")?;
    node_passwords::set(settings, config).await?;
    let report = db::migrate(config, settings.demo_tenant()).await?;
    if report.applied.is_empty() {
        output::line("the schema is up to date");
    }
    for migration in report.applied {
        output::line(&format!("applied {migration}"));
    }
    Ok(())
}
