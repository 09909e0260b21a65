//! The log: a line for each event, times in UTC, on standard error.

use log::LevelFilter;

use crate::settings::Settings;

/// Starts it, by RUST_LOG, and says what the settings left to be said.
pub fn start(settings: &Settings) {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        // Below these levels they log statements with their values, NOTICEs and the heads of requests: secrets among them.
        .filter_module("tokio_postgres", LevelFilter::Warn)
        .filter_module("actix_http", LevelFilter::Warn)
        .filter_module("actix_web", LevelFilter::Warn)
        .filter_module("actix_server", LevelFilter::Warn)
        .filter_module("refinery_core", LevelFilter::Warn)
        .init();
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
}
