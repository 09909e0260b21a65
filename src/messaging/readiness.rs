//! Whether a worker process does its work: what `/readyz` of `pigeonhole worker` answers.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An idle relay sweeps every 15 seconds and waits 2.5 seconds for the database, so three sweeps are missing.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// The state of the relay and of the broker's connections.
pub struct Readiness {
    uses_broker: bool,
    last_sweep: Mutex<Option<Sweep>>,
    publishing: AtomicBool,
    consuming: AtomicBool,
}

#[derive(Clone, Copy)]
struct Sweep {
    ended: Instant,
    reached_database: bool,
}

/// Why a worker is not ready.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The first sweep over the outbox has not ended yet.
    #[error("it has not looked for messages yet")]
    Starting,
    /// The last sweep ended so many seconds ago: the relay's loop is stuck.
    #[error("it has not looked for messages for {0} s: it is stuck")]
    Stuck(u64),
    /// The last sweep failed.
    #[error("the database cannot be reached")]
    NoDatabase,
    /// The broker takes no messages or gives none.
    #[error("the broker cannot be reached")]
    NoBroker,
}

impl Readiness {
    /// Nothing has happened yet.
    pub(super) fn new(uses_broker: bool) -> Self {
        Self {
            uses_broker,
            last_sweep: Mutex::default(),
            publishing: AtomicBool::default(),
            consuming: AtomicBool::default(),
        }
    }

    /// Whether the worker does its work now.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn check(&self) -> Result<(), NotReady> {
        let sweep = self.last_sweep().ok_or(NotReady::Starting)?;
        self.check_after(sweep, sweep.ended.elapsed())
    }

    fn check_after(&self, sweep: Sweep, age: Duration) -> Result<(), NotReady> {
        if age >= LONGEST_SILENCE {
            return Err(NotReady::Stuck(age.as_secs()));
        }
        if !sweep.reached_database {
            return Err(NotReady::NoDatabase);
        }
        let broker_connected = self.publishing() && self.consuming.load(Relaxed);
        if self.uses_broker && !broker_connected { Err(NotReady::NoBroker) } else { Ok(()) }
    }

    fn last_sweep(&self) -> Option<Sweep> {
        *self.last_sweep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a sweep over the outbox ended now.
    pub(super) fn swept(&self, reached_database: bool) {
        let sweep = Sweep { ended: Instant::now(), reached_database };
        *self.last_sweep.lock().unwrap_or_else(PoisonError::into_inner) = Some(sweep);
    }

    /// Whether the broker takes messages now.
    pub(super) fn publishing(&self) -> bool {
        self.publishing.load(Relaxed)
    }

    pub(super) fn set_publishing(&self, publishing: bool) {
        self.publishing.store(publishing, Relaxed);
    }

    /// Notes that the broker gives messages until the returned value is dropped.
    pub(super) fn consuming(&self) -> Consuming<'_> {
        self.consuming.store(true, Relaxed);
        Consuming(&self.consuming)
    }
}

/// The broker gives messages as long as this lives.
pub(super) struct Consuming<'a>(&'a AtomicBool);

impl Drop for Consuming<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_ready_after_a_sweep_that_reached_the_database() {
        let readiness = Readiness::new(false);
        assert_eq!(readiness.check(), Err(NotReady::Starting));
        readiness.swept(true);
        assert_eq!(readiness.check(), Ok(()));
        readiness.swept(false);
        assert_eq!(readiness.check(), Err(NotReady::NoDatabase));
    }

    #[test]
    fn a_worker_that_has_not_swept_for_a_minute_is_stuck() {
        let readiness = Readiness::new(false);
        readiness.swept(true);
        let sweep = readiness.last_sweep().expect("a sweep");
        assert_eq!(readiness.check_after(sweep, Duration::from_secs(60)), Err(NotReady::Stuck(60)));
    }

    #[test]
    fn with_a_broker_a_worker_publishes_and_consumes() {
        let readiness = Readiness::new(true);
        readiness.swept(true);
        assert_eq!(readiness.check(), Err(NotReady::NoBroker));
        readiness.set_publishing(true);
        assert_eq!(readiness.check(), Err(NotReady::NoBroker));
        let consuming = readiness.consuming();
        assert_eq!(readiness.check(), Ok(()));
        drop(consuming);
        assert_eq!(readiness.check(), Err(NotReady::NoBroker));
    }
}
