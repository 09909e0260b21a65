//! The time of a request for the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::checkout::CALL_DEADLINE;

/// The time that a handle may wait for the database over all its calls, so that a request with two slow calls
/// is answered as soon as a request with one.
#[derive(Clone, Default)]
pub(super) struct TimeBudget {
    spent_micros: Arc<AtomicU64>,
}

impl TimeBudget {
    pub(super) fn left(&self) -> Duration {
        CALL_DEADLINE.saturating_sub(Duration::from_micros(self.spent_micros.load(Ordering::Relaxed)))
    }

    pub(super) fn spend(&self, time: Duration) {
        self.spent_micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
