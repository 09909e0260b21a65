//! The passwords of our database roles. They are set before anything for which the nodes of a cluster connect
//! to each other as one of our roles, such as a migration, and before workers are added, because Citus copies
//! the roles to new workers.

use tokio_postgres::Config;

use crate::db;
use crate::settings::Settings;

/// Sets NODE_PASSWORD and WEB_PASSWORD, as far as they are set.
///
/// # Errors
/// One line that says what failed.
pub async fn set(settings: &Settings, config: &Config) -> anyhow::Result<()> {
    if let Some(password) = &settings.cluster.node_password {
        db::set_node_passwords(config, password.expose()).await?;
    }
    if let Some(password) = &settings.cluster.web_password {
        db::create_web_logins(config, Some(password.expose())).await?;
    }
    Ok(())
}
