//! The check of commands that need the current schema.

use tokio_postgres::Config;

use crate::db;

/// # Errors
/// When migrations are missing, with their names.
pub(super) async fn require_current(config: &Config) -> anyhow::Result<()> {
    let missing = db::pending(config).await?.join(", ");
    anyhow::ensure!(
        missing.is_empty(),
        "the schema is older than this program; run `pigeonhole migrate` first (missing: {missing})"
    );
    Ok(())
}
