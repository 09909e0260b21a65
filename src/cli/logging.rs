//! The log: a line for each event, times in UTC, on standard error.

use log::{LevelFilter, Log, Metadata, Record};

use crate::settings::Settings;
use crate::web::graceful_shutdown::listener_is_closed;

/// Crates that log statements with their values, NOTICEs, and the heads of requests below the level of
/// warnings: other people's notes and secrets among them. No setting makes them talk.
const DISCREET: [&str; 6] =
    ["tokio_postgres", "actix_http", "actix_web", "actix_server", "refinery_core", "tracing"];
/// A crate that tells as errors, and with the whole message, what `messaging` tells in one line.
const SILENT: &str = "lapin";

/// It tells every second, as an error, that a listener is gone which we have closed.
const ACCEPTING: &str = "actix_server::accept";

/// Leaves out what is no news.
struct Sifted(env_logger::Logger);

impl Log for Sifted {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() != ACCEPTING || !listener_is_closed() {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Starts it, and says what the settings left to be said.
pub fn start(settings: &Settings) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&without_discreet(&settings.server.log_filter));
    for module in DISCREET {
        builder.filter_module(module, LevelFilter::Warn);
    }
    builder.filter_module(SILENT, LevelFilter::Off);
    let logger = builder.build();
    log::set_max_level(logger.filter());
    // A second logger in one process is a fault of whoever starts it, and the first goes on.
    let _ = log::set_boxed_logger(Box::new(Sifted(logger)));
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
}

/// Takes out what names a part of a discreet crate, which would outweigh the rule for the whole of it.
fn without_discreet(filter: &str) -> String {
    let named = |directive: &str| DISCREET.iter().any(|module| directive.trim_start().starts_with(module));
    filter.split(',').filter(|directive| !named(directive)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::without_discreet;

    #[test]
    fn no_setting_logs_the_values_of_statements() {
        assert_eq!(
            without_discreet("info,tokio_postgres::query=trace, actix_http=trace,pigeonhole=debug"),
            "info,pigeonhole=debug"
        );
    }
}
