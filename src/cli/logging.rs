//! The log: a line for each event, times in UTC, on standard error.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, Log, Metadata, Record};

use super::log_limit::{LeftOut, LineKind, LineLimit};
use crate::log_context;
use crate::settings::Settings;

/// The targets of our own lines.
const OUR_TARGETS: [&str; 3] = ["pigeonhole", "security", "packaging"];
/// Logs as errors, and with the whole message, what `messaging` logs in one line.
const SILENT: &str = "lapin";
/// Logs an error every second while its listener is closed, also during our own shutdown.
const ACCEPTING: &str = "actix_server::accept";
/// The time between two looks for lines that were left out.
const SUMMARY_CHECK: Duration = Duration::from_secs(1);
/// Characters of a line of another crate.
const LONGEST_FOREIGN_LINE: usize = 500;

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

/// Ends each line with the fields of its [`log_context`], and bounds the lines of each kind.
struct FilteredLogger {
    logger: env_logger::Logger,
    control: LogControl,
    limit: Mutex<LineLimit>,
}

impl FilteredLogger {
    fn limit(&self) -> MutexGuard<'_, LineLimit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes how many lines were left out: those that are due, or all.
    fn write_summaries(&self, all: bool) {
        // The guard is dropped before a line is written.
        let summaries = self.limit().summaries(Instant::now(), all);
        for LeftOut { target, level, text } in summaries {
            let builder = &mut Record::builder();
            self.logger.log(&builder.target(&target).level(level).args(format_args!("{text}")).build());
        }
    }

    fn write(&self, record: &Record<'_>, arguments: std::fmt::Arguments<'_>) {
        let builder = &mut Record::builder();
        let builder = builder.metadata(record.metadata().clone()).module_path(record.module_path());
        let builder = builder.file(record.file()).line(record.line());
        match log_context::current() {
            None => self.logger.log(&builder.args(arguments).build()),
            Some(context) => {
                self.logger.log(&builder.args(format_args!("{arguments} {context}")).build());
            }
        }
    }
}

impl Log for FilteredLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        may_be_logged(metadata) && self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let muted = record.target() == ACCEPTING && self.control.accept_errors_muted.load(Ordering::SeqCst);
        if muted || !may_be_logged(record.metadata()) || !self.logger.matches(record) {
            return;
        }
        let is_ours = is_ours(record.target());
        let admitted = self.limit().admits(LineKind::of(record, is_ours), Instant::now());
        if !admitted {
            return;
        }
        if is_ours {
            self.write(record, *record.args());
        } else {
            let text = record.args().to_string();
            let line: String = text.escape_debug().take(LONGEST_FOREIGN_LINE).collect();
            self.write(record, format_args!("{line}"));
        }
    }

    fn flush(&self) {
        self.write_summaries(true);
        self.logger.flush();
    }
}

/// Whether a line may be written, whatever RUST_LOG says. Below the level warn other crates log values of
/// statements, heads and bodies of requests, and messages: users' notes and secrets among them.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    is_ours(target) || metadata.level() <= Level::Warn && !is_part_of(target, SILENT)
}

fn is_ours(target: &str) -> bool {
    OUR_TARGETS.iter().any(|ours| is_part_of(target, ours))
}

/// Whether a target is a crate or a module of it.
fn is_part_of(target: &str, name: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Starts the log, and logs the warnings of the settings.
pub fn start(settings: &Settings) -> LogControl {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&settings.server.log_filter);
    let logger = builder.build();
    log::set_max_level(logger.filter());
    let control = LogControl::default();
    let limit = Mutex::default();
    let logger: &'static FilteredLogger =
        Box::leak(Box::new(FilteredLogger { logger, control: control.clone(), limit }));
    // If the process has a logger already, that one stays.
    if log::set_logger(logger).is_ok() {
        summarize(logger);
        std::panic::set_hook(Box::new(log_panic));
    }
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
    control
}

/// Writes the lines that count others, until the process ends.
fn summarize(logger: &'static FilteredLogger) {
    let work = move || {
        loop {
            std::thread::park_timeout(SUMMARY_CHECK);
            logger.write_summaries(false);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("log".to_owned()).spawn(work) {
        log::warn!("lines that are left out are counted at the end only: {error}");
    }
}

/// A panic is one line. Its message is written only where it is part of the source: a formatted one may have
/// values of a request.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "(unknown)".to_owned(), ToString::to_string);
    match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => log::error!("a thread panicked at {place}: {text}"),
        None => log::error!("a thread panicked at {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_logs_the_values_of_statements() {
        let logged =
            |target: &str, level| may_be_logged(&Metadata::builder().target(target).level(level).build());
        for target in ["tokio_postgres::query", "actix_http::h1::dispatcher", "h2", "pigeonholes", ""] {
            assert!(!logged(target, Level::Info), "{target}");
            assert!(!logged(target, Level::Trace), "{target}");
            assert!(logged(target, Level::Warn), "{target}");
        }
        for target in ["pigeonhole", "pigeonhole::db::pool", "security"] {
            assert!(logged(target, Level::Trace), "{target}");
        }
        assert!(!logged("lapin::channel", Level::Error));
    }
}
