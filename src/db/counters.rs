//! Counters of the database calls of this process: the path of each tenant's statement, failures, and waits
//! for a connection. They are atomic numbers, so that counting costs a request nothing; `metrics` reads them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::error::{DbError, NotAdmitted, PoolError};

/// The classes of SQLSTATE that are counted by name (PostgreSQL, appendix A); the others count as "other".
const CLASSES: [&str; 24] = [
    "08", "0A", "21", "22", "23", "24", "25", "26", "28", "2B", "2D", "34", "3D", "3F", "40", "42", "44",
    "53", "54", "55", "57", "58", "P0", "XX",
];
const OTHER: usize = CLASSES.len();
const TIMEOUT: usize = OTHER + 1;
const POOL_BUSY: usize = OTHER + 2;
const UNREACHABLE: usize = OTHER + 3;
const BROKEN_OFF: usize = OTHER + 4;
const KINDS: usize = OTHER + 5;

/// The path that a tenant's statement takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum StatementPath {
    /// Run on the shard's own tables on the owning node.
    Shard,
    /// Sent to the owning node, through Citus there.
    Node,
    /// Sent to the only server, or to the coordinator while no placements are known.
    Coordinator,
    /// The shard was not on the node that the known placement names.
    Moved,
    /// The owning node failed, so the coordinator got the statement.
    Fallback,
}

/// How many statements of tenants took each [`StatementPath`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Routing {
    pub shard: u64,
    pub node: u64,
    pub coordinator: u64,
    pub moved: u64,
    pub fallback: u64,
}

/// The counters of one process.
#[derive(Debug, Default)]
pub(super) struct DbCounters {
    calls: AtomicU64,
    paths: [AtomicU64; 5],
    failures: [AtomicU64; KINDS],
}

impl DbCounters {
    /// Counts work on one connection.
    pub(super) fn count_call(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(super) fn count_path(&self, path: StatementPath) {
        self.paths[path as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn count_failure(&self, error: &DbError) {
        self.failures[kind_of(error)].fetch_add(1, Relaxed);
    }

    pub(super) fn routing(&self) -> Routing {
        let count = |path: StatementPath| self.paths[path as usize].load(Relaxed);
        Routing {
            shard: count(StatementPath::Shard),
            node: count(StatementPath::Node),
            coordinator: count(StatementPath::Coordinator),
            moved: count(StatementPath::Moved),
            fallback: count(StatementPath::Fallback),
        }
    }

    /// Failures by class. Classes without a failure are left out, except the four that are no SQLSTATE.
    pub(super) fn failures(&self) -> Vec<(&'static str, u64)> {
        let counted = self.failures.iter().enumerate().map(|(kind, count)| (kind, count.load(Relaxed)));
        counted
            .filter(|(kind, count)| *count > 0 || *kind > OTHER)
            .map(|(kind, count)| (name_of(kind), count))
            .collect()
    }
}

fn name_of(kind: usize) -> &'static str {
    match kind {
        TIMEOUT => "timeout",
        POOL_BUSY => "pool_busy",
        UNREACHABLE => "unreachable",
        BROKEN_OFF => "broken_off",
        _ => CLASSES.get(kind).copied().unwrap_or("other"),
    }
}

fn kind_of(error: &DbError) -> usize {
    let database = match error {
        DbError::Unreachable(_) => return UNREACHABLE,
        // Not of a call to the database.
        DbError::Overloaded => return OTHER,
        DbError::Taken(_) | DbError::LimitReached(_) => return class("23"),
        DbError::Repeat(error) | DbError::Fault(error) => error,
        DbError::Unavailable(None) => return TIMEOUT,
        DbError::Unavailable(Some(source)) => match source.downcast_ref::<tokio_postgres::Error>() {
            Some(error) => error,
            None if source.is::<NotAdmitted>() || source.is::<PoolError>() => return POOL_BUSY,
            None => return TIMEOUT,
        },
    };
    database.code().map_or(BROKEN_OFF, |state| class(state.code()))
}

fn class(state: &str) -> usize {
    CLASSES.iter().position(|class| state.starts_with(class)).unwrap_or(OTHER)
}

/// The waits for a connection of one pool: calls that were not admitted at once.
#[derive(Debug, Default)]
pub(super) struct WaitCounters {
    waits: AtomicU64,
    micros: AtomicU64,
    timed_out: AtomicU64,
    refused: AtomicU64,
}

/// The counts of [`WaitCounters`] at one moment.
pub(super) struct WaitCounts {
    pub(super) waits: u64,
    pub(super) seconds: f64,
    pub(super) timed_out: u64,
    pub(super) refused: u64,
}

impl WaitCounters {
    /// Counts one wait, and whether it ended without a connection.
    pub(super) fn count(&self, waited: Duration, timed_out: bool) {
        self.waits.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Relaxed);
        self.timed_out.fetch_add(u64::from(timed_out), Relaxed);
    }

    /// Counts a call that was refused without a wait.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn counts(&self) -> WaitCounts {
        WaitCounts {
            waits: self.waits.load(Relaxed),
            seconds: Duration::from_micros(self.micros.load(Relaxed)).as_secs_f64(),
            timed_out: self.timed_out.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_class_and_classes_without_one_are_left_out() {
        let counters = DbCounters::default();
        counters.count_failure(&DbError::Taken("users_name".to_owned()));
        counters.count_failure(&DbError::deadline_exceeded());
        counters.count_failure(&DbError::Unreachable(PoolError::Closed));
        let errors = counters.failures();
        for (name, count) in
            [("23", 1), ("timeout", 1), ("unreachable", 1), ("pool_busy", 0), ("broken_off", 0)]
        {
            assert!(errors.contains(&(name, count)), "{name} in {errors:?}");
        }
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert_eq!((class("23505"), class("ZZ000")), (4, OTHER));
    }

    #[test]
    fn each_path_has_its_counter() {
        let counters = DbCounters::default();
        for path in [StatementPath::Shard, StatementPath::Node, StatementPath::Node, StatementPath::Fallback]
        {
            counters.count_path(path);
        }
        let routing = counters.routing();
        assert_eq!(
            (routing.shard, routing.node, routing.coordinator, routing.moved, routing.fallback),
            (1, 2, 0, 0, 1)
        );
    }
}
