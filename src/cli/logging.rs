//! The log: a line for each event, times in UTC, on standard error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

use crate::log_context;
use crate::settings::Settings;

/// Crates that log values of statements, NOTICEs, and heads of requests below the level warn: users' notes
/// and secrets among them. No setting lowers their level.
const CONFIDENTIAL: [&str; 6] =
    ["tokio_postgres", "actix_http", "actix_web", "actix_server", "refinery_core", "tracing"];
/// Logs as errors, and with the whole message, what `messaging` logs in one line.
const SILENT: &str = "lapin";
/// Logs an error every second while its listener is closed, also during our own shutdown.
const ACCEPTING: &str = "actix_server::accept";

/// Changes what is logged while the process runs.
#[derive(Clone, Default)]
pub struct LogControl {
    accept_errors_muted: Arc<AtomicBool>,
}

impl LogControl {
    /// Call this before the process closes the listener of a server that still runs.
    pub fn mute_accept_errors(&self) {
        self.accept_errors_muted.store(true, Ordering::SeqCst);
    }
}

/// Ends each line with the fields of its [`log_context`].
struct FilteredLogger {
    logger: env_logger::Logger,
    control: LogControl,
}

impl Log for FilteredLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let muted = record.target() == ACCEPTING && self.control.accept_errors_muted.load(Ordering::SeqCst);
        if muted {
            return;
        }
        match log_context::current() {
            None => self.logger.log(record),
            Some(context) => self.logger.log(
                &Record::builder()
                    .metadata(record.metadata().clone())
                    .module_path(record.module_path())
                    .file(record.file())
                    .line(record.line())
                    .args(format_args!("{} {context}", record.args()))
                    .build(),
            ),
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// Starts the log, and logs the warnings of the settings.
pub fn start(settings: &Settings) -> LogControl {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&without_confidential(&settings.server.log_filter));
    for module in CONFIDENTIAL {
        builder.filter_module(module, LevelFilter::Warn);
    }
    builder.filter_module(SILENT, LevelFilter::Off);
    let logger = builder.build();
    log::set_max_level(logger.filter());
    let control = LogControl::default();
    // If the process has a logger already, that one stays.
    let _ = log::set_boxed_logger(Box::new(FilteredLogger { logger, control: control.clone() }));
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
    control
}

/// Removes directives for parts of a confidential crate, which would win over the rule for the crate.
fn without_confidential(filter: &str) -> String {
    let confidential =
        |directive: &str| CONFIDENTIAL.iter().any(|module| directive.trim_start().starts_with(module));
    filter.split(',').filter(|directive| !confidential(directive)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::without_confidential;

    #[test]
    fn no_setting_logs_the_values_of_statements() {
        assert_eq!(
            without_confidential("info,tokio_postgres::query=trace, actix_http=trace,pigeonhole=debug"),
            "info,pigeonhole=debug"
        );
    }
}
