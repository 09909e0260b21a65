//! The log: a line for each event, times in UTC, on standard error.

use crate::settings::Settings;

/// Starts it, by RUST_LOG, and says what the settings left to be said.
pub fn start(settings: &Settings) {
    // tokio-postgres repeats every NOTICE of the database at this level.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,tokio_postgres=warn,actix_server=warn")).init();
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
}
