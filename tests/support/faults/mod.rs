//! Writers that journal every answer, a injector that kills one process after the other with -9, and a checker
//! that compares the journal with what is in the database afterwards.

mod check;
mod fault_injector;
mod stack;
mod writers;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::run_blocking;
use stack::Stack;

/// How much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Acknowledged notes after which the writers end.
    pub notes: usize,
    /// Seconds after which they end in any case.
    pub seconds: u64,
    /// Writers.
    pub writers: usize,
    /// Whether messages go through RabbitMQ, where it is installed.
    pub broker: bool,
    /// Whether the database is a Citus cluster, where that is installed.
    pub citus: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    pub environment: String,
    pub seconds: f64,
    pub attempted: usize,
    pub acknowledged: usize,
    pub unknown: usize,
    /// Of the unknown, those that were written all the same.
    pub unknown_written: usize,
    pub lost: usize,
    pub duplicated: usize,
    pub unexpected: usize,
    pub shares: usize,
    pub shares_missing: usize,
    pub shares_unexpected: usize,
    pub messages_failed: usize,
    pub messages_open: usize,
    pub prepared: usize,
    pub drained_seconds: f64,
    pub kills: BTreeMap<&'static str, usize>,
    pub journal: String,
}

impl Report {
    /// Whether every promise was kept.
    pub fn holds(&self) -> bool {
        let broken = [
            self.lost,
            self.duplicated,
            self.unexpected,
            self.shares_missing,
            self.shares_unexpected,
            self.messages_failed,
            self.messages_open,
            self.prepared,
        ];
        broken.iter().all(|count| *count == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> =
            self.kills.iter().map(|(target, count)| format!("{target} {count}")).collect();
        writeln!(
            f,
            "{}, {:.0} s of writing; killed with -9: {}",
            self.environment,
            self.seconds,
            kills.join(", ")
        )?;
        let rate = self.acknowledged as f64 / self.seconds.max(0.001);
        for (what, count, must_be_none) in [
            ("notes attempted", self.attempted, false),
            ("  acknowledged", self.acknowledged, false),
            ("  of unknown fate (no answer, or 503)", self.unknown, false),
            ("    of these written all the same", self.unknown_written, false),
            ("acknowledged and lost", self.lost, true),
            ("written twice", self.duplicated, true),
            ("written and never attempted", self.unexpected, true),
            ("shares that arrived", self.shares, false),
            ("shares that are missing", self.shares_missing, true),
            ("shares that nobody made", self.shares_unexpected, true),
            ("messages given up", self.messages_failed, true),
            ("messages not delivered", self.messages_open, true),
            ("transactions left prepared", self.prepared, true),
        ] {
            let verdict = if must_be_none { if count == 0 { "ok" } else { "BROKEN" } } else { "" };
            writeln!(f, "| {what:<40} | {count:>8} | {verdict:<6} |")?;
        }
        writeln!(
            f,
            "{rate:.0} acknowledged notes a second; everything had arrived {:.1} s after the last fault was \
             mended",
            self.drained_seconds
        )?;
        write!(f, "journal: {}", self.journal)
    }
}

/// Runs all of it.
pub async fn run(options: Options) -> Report {
    let wanted = options.clone();
    let stack = run_blocking(move || Stack::start(&wanted)).await;
    let environment = stack.describe();
    let base = stack.base();
    let tenants = writers::create_tenants(&base, &stack.database_url, 4).await;
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let injector = tokio::task::spawn_blocking(move || fault_injector::inject_faults(stack, &stopping));
    let started = Instant::now();
    let journal = writers::write(&base, &tenants, &options).await;
    let seconds = started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let (stack, kills) = injector.await.expect("the injector");
    let healed = Instant::now();
    let mut report = check::check(&stack.database_url, &tenants, &journal, Duration::from_secs(420)).await;
    report.drained_seconds = healed.elapsed().as_secs_f64();
    report.environment = environment;
    report.seconds = seconds;
    report.kills = kills;
    report.journal = journal.keep(!report.holds());
    run_blocking(move || drop(stack)).await;
    report
}
