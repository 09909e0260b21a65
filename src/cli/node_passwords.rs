//! Who may connect, where the settings say so. It comes before anything that needs the nodes of a cluster to
//! work together as one of our roles, such as a migration, and before workers are added, which get the roles
//! as they are.

use tokio_postgres::Config;

use crate::db;
use crate::settings::Settings;

/// Gives our roles the passwords of the settings, and does nothing where there are none.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn grant(settings: &Settings, config: &Config) -> anyhow::Result<()> {
    if let Some(password) = &settings.cluster.node_password {
        db::set_node_passwords(config, password.expose()).await?;
    }
    if let Some(password) = &settings.cluster.web_password {
        db::create_web_login(config, password.expose()).await?;
    }
    Ok(())
}
