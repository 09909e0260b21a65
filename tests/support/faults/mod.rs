//! Fault injection: writers journal every answer, an injector kills one process after the other with -9, and
//! a checker compares the journal with the database.

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

/// How long a run is and what it includes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The writers stop after this many acknowledged notes.
    pub notes: usize,
    /// The writers stop after this many seconds in any case.
    pub seconds: u64,
    pub writers: usize,
    /// Use RabbitMQ, where it is installed.
    pub broker: bool,
    /// Use a Citus cluster, where Citus is installed.
    pub citus: bool,
}

#[derive(Debug, Default)]
pub struct Report {
    pub environment: String,
    pub seconds: f64,
    pub attempted: usize,
    pub acknowledged: usize,
    pub unknown: usize,
    /// Unknown attempts that were written.
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
    /// Whether nothing was lost, duplicated, unexpected or left open.
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
            ("  of unknown outcome (no answer or 503)", self.unknown, false),
            ("    of these, written", self.unknown_written, false),
            ("acknowledged and lost", self.lost, true),
            ("written twice", self.duplicated, true),
            ("written and never attempted", self.unexpected, true),
            ("shares that arrived", self.shares, false),
            ("shares that are missing", self.shares_missing, true),
            ("shares that were never made", self.shares_unexpected, true),
            ("messages failed for good", self.messages_failed, true),
            ("messages not delivered", self.messages_open, true),
            ("transactions left prepared", self.prepared, true),
        ] {
            let verdict = if must_be_none { if count == 0 { "ok" } else { "BROKEN" } } else { "" };
            writeln!(f, "| {what:<40} | {count:>8} | {verdict:<6} |")?;
        }
        writeln!(
            f,
            "{rate:.0} acknowledged notes a second; all shares were delivered {:.1} s after the last fault",
            self.drained_seconds
        )?;
        write!(f, "journal: {}", self.journal)
    }
}

/// Runs writers and injector, then the checks.
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
