//! What happened to connections, for `/metrics` and for the log: a stranger can cause each of these as often
//! as it likes, so the log has one line a minute with the numbers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The shortest time between two lines of the log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Closed at once: its address has as many as one address may have.
    AddressLimit,
    /// Closed at once: the process has as many as it may have, and all were busy.
    TotalLimit,
    /// Closed while idle, in favour of another client's new connection.
    Evicted,
    /// Cut off: its reader took too little.
    SlowReader,
    /// Cut off: its answer was not taken, and the memory went to a client that holds less.
    Revoked,
    /// Closed: a head was not whole within its time.
    SlowHead,
    /// Answered with an error: a head that is not served.
    RefusedHead,
}

/// All events, in the order of their numbers.
pub(super) const EVENTS: [(ConnectionEvent, &str); 7] = [
    (ConnectionEvent::AddressLimit, "address_limit"),
    (ConnectionEvent::TotalLimit, "total_limit"),
    (ConnectionEvent::Evicted, "evicted"),
    (ConnectionEvent::SlowReader, "slow_reader"),
    (ConnectionEvent::Revoked, "revoked"),
    (ConnectionEvent::SlowHead, "slow_head"),
    (ConnectionEvent::RefusedHead, "refused_head"),
];

/// How often each event happened.
#[derive(Debug, Default)]
pub(super) struct EventCounts {
    counts: [AtomicU64; EVENTS.len()],
    logged: Mutex<Logged>,
}

#[derive(Debug, Default)]
struct Logged {
    at: Option<Instant>,
    counts: [u64; EVENTS.len()],
}

impl EventCounts {
    /// Counts an event of a connection from `peer`, and logs the numbers when the last line is old enough.
    pub(super) fn add(&self, event: ConnectionEvent, peer: &str) {
        self.counts[event as usize].fetch_add(1, Relaxed);
        // Refused heads have lines of their own.
        if event == ConnectionEvent::RefusedHead {
            return;
        }
        let Ok(mut logged) = self.logged.lock() else { return };
        if logged.at.is_some_and(|at| at.elapsed() < LOG_INTERVAL) {
            return;
        }
        let now = self.all();
        let news: Vec<String> = EVENTS
            .iter()
            .zip(now.iter().zip(logged.counts))
            .filter(|(_, (now, before))| **now > *before)
            .map(|((_, name), (now, before))| format!("{name} {}", now - before))
            .collect();
        *logged = Logged { at: Some(Instant::now()), counts: now };
        drop(logged);
        let news = news.join(", ");
        log::warn!(target: "security", "connections refused or cut off: {news}; the last from {peer}");
    }

    /// The number of each event since the start.
    pub(super) fn all(&self) -> [u64; EVENTS.len()] {
        std::array::from_fn(|at| self.counts[at].load(Relaxed))
    }
}
