//! The table: one row for each attack, and whether the server held.

use std::time::Duration;

use crate::machine::{cores, load_average};
use crate::memory::MemoryUse;
use crate::numbers::{Samples, Seen};
use crate::options::Options;
use crate::tally::Tally;

/// The most resident memory, in MiB (issue 13; acceptance L71, L72).
const MEMORY_LIMIT: f64 = 200.0;
/// The time within which others are served (acceptance L71 to L73).
const SERVED_WITHIN: Duration = Duration::from_secs(1);
/// The time of a login or a sign-up during a storm of logins (acceptance L74).
const STORM_SERVED_WITHIN: Duration = Duration::from_secs(3);

/// What one attack did.
pub struct Row {
    seen: Option<Seen>,
    memory: MemoryUse,
    lasted: Duration,
    tally: Tally,
}

impl Row {
    /// Judges memory and the answers to others.
    pub fn new(seen: Seen, memory: MemoryUse, lasted: Duration, mut tally: Tally) -> Self {
        if let Some(peak) = memory.peak {
            tally.require(peak < MEMORY_LIMIT, format!("{peak:.0} MB of memory"));
        }
        judge("/livez", &seen.livez, &mut tally);
        judge("page", &seen.page, &mut tally);
        // A storm of logins has a limit of its own, and watches newcomers too.
        if seen.newcomers.all.is_empty() {
            judge("login", &seen.login, &mut tally);
        } else {
            judge_in_storm("login", &seen.login, &mut tally);
            judge_in_storm("sign-up", &seen.newcomers, &mut tally);
        }
        Self { seen: Some(seen), memory, lasted, tally }
    }

    /// An attack without watched clients.
    pub fn of(tally: Tally, lasted: Duration) -> Self {
        Self { seen: None, memory: MemoryUse::default(), lasted, tally }
    }

    /// An attack that could not be carried out.
    pub fn broken(error: &str) -> Self {
        let mut tally = Tally::default();
        tally.require(false, format!("not carried out: {error}"));
        Self::of(tally, Duration::ZERO)
    }

    /// Whether nothing was found.
    pub fn held(&self) -> bool {
        self.tally.failures.is_empty()
    }

    /// Prints the row.
    pub fn print(&self, name: &str) {
        let megabytes = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
        let memory = [self.memory.before, self.memory.peak, self.memory.after].map(megabytes).join(" / ");
        let samples = |samples: fn(&Seen) -> &Samples| {
            self.seen.as_ref().map_or("-".to_owned(), |seen| samples(seen).to_string())
        };
        let mut attackers = self.tally.to_string();
        if let Some(seen) = self.seen.as_ref().filter(|seen| !seen.newcomers.all.is_empty()) {
            attackers.push_str(&format!("; newcomers {}", seen.newcomers));
        }
        let verdict =
            if self.held() { "held".to_owned() } else { format!("NOT: {}", self.tally.failures.join("; ")) };
        println!(
            "| {name} | {memory} | {} | {} | {} | {:.0} | {attackers} | {} |",
            samples(|seen| &seen.livez),
            samples(|seen| &seen.page),
            samples(|seen| &seen.login),
            self.lasted.as_secs_f64(),
            verdict.replace('\n', " ").replace('|', "/")
        );
    }
}

fn judge(what: &str, samples: &Samples, tally: &mut Tally) {
    let (failures, number) = (samples.failures(), samples.all.len());
    tally.require(failures == 0, format!("{what}: {failures} of {number} not served"));
    let slowest = samples.percentile(0.99);
    let late = failures == 0 && slowest >= SERVED_WITHIN;
    tally.require(!late, format!("{what}: p99 {} ms", slowest.as_millis()));
}

fn judge_in_storm(what: &str, samples: &Samples, tally: &mut Tally) {
    let (served, number) = (samples.served_within(STORM_SERVED_WITHIN), samples.all.len());
    tally.require(served * 10 >= number * 9, format!("{what}: {served} of {number} within 3 s"));
}

/// Prints the heading, with the machine's load.
pub fn print_head(options: &Options, files: u64) {
    let (load, cores) = (load_average(), cores());
    let target = match &options.url {
        Some(url) => url.clone(),
        None if options.cluster => format!("{} serve --workers 2", options.binary),
        None => format!("{} serve", options.binary),
    };
    println!("{target}; factor {}; {cores} cores, load {load}; {files} files at most", options.factor);
    println!();
    println!("Answers: statuses; median/99th percentile/longest in ms. Memory: resident MiB of the server.");
    println!();
    println!(
        "| attack | memory before / peak / after | /livez | known page | known login | s | attackers got | \
         held |"
    );
    println!("| --- | --- | --- | --- | --- | ---: | --- | --- |");
}

/// Prints the sum, and the load at the end.
pub fn print_end(number: usize, failed: &[&str]) {
    println!();
    println!("held {} of {number}; load at the end {}", number - failed.len(), load_average());
    if !failed.is_empty() {
        println!("not held: {}", failed.join(", "));
    }
}
