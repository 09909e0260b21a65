//! Counters of the messages that this process handled, in plain atomic numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::attempt::AttemptOutcome;

/// The counters, shared by relay, consumer and notifier.
#[derive(Default)]
pub(super) struct MessageCounters {
    relayed: AtomicU64,
    acknowledged: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
}

/// What this process did with messages since its start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MessageCounts {
    /// Messages that the broker confirmed.
    pub relayed: u64,
    /// Messages that were handled.
    pub acknowledged: u64,
    /// Failures that are followed by another attempt.
    pub retried: u64,
    /// Messages that failed for the last time.
    pub dead: u64,
}

impl MessageCounters {
    /// Counts messages that the broker confirmed.
    pub(super) fn count_relayed(&self, messages: usize) {
        self.relayed.fetch_add(messages as u64, Relaxed);
    }

    /// Counts an attempt.
    pub(super) fn count_attempt(&self, outcome: &AttemptOutcome) {
        let counter = match outcome {
            AttemptOutcome::Done => &self.acknowledged,
            AttemptOutcome::Failed => &self.retried,
            AttemptOutcome::GivenUp => &self.dead,
            AttemptOutcome::Unavailable => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> MessageCounts {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        MessageCounts {
            relayed: read(&self.relayed),
            acknowledged: read(&self.acknowledged),
            retried: read(&self.retried),
            dead: read(&self.dead),
        }
    }
}
