//! What this process did with messages since its start. Plain atomic numbers; `metrics` reads them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::attempt::Attempt;

/// Counters, shared by relay, consumer and whoever reads them.
#[derive(Default)]
pub(super) struct Tally {
    relayed: AtomicU64,
    acknowledged: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
}

/// What this process did with messages since its start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Handled {
    /// Given to the broker, which confirmed them.
    pub relayed: u64,
    /// Done.
    pub acknowledged: u64,
    /// Failed, to be tried again by themselves.
    pub retried: u64,
    /// Failed for the last time.
    pub dead: u64,
}

impl Tally {
    /// Counts messages that the broker took.
    pub(super) fn relayed(&self, messages: usize) {
        self.relayed.fetch_add(messages as u64, Relaxed);
    }

    /// Counts what came of an attempt.
    pub(super) fn tried(&self, attempt: &Attempt) {
        let counter = match attempt {
            Attempt::Done => &self.acknowledged,
            Attempt::Failed => &self.retried,
            Attempt::GivenUp => &self.dead,
            Attempt::Unavailable => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> Handled {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Handled {
            relayed: read(&self.relayed),
            acknowledged: read(&self.acknowledged),
            retried: read(&self.retried),
            dead: read(&self.dead),
        }
    }
}
