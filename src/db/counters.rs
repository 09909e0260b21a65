//! What this process counts of its way to the database: how tenants' work was sent, what failed, and how long
//! it waited for a connection. Plain atomic numbers, so that counting costs a request nothing; `metrics`
//! reads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::error::DbError;

/// The classes of SQLSTATE that are counted by name (PostgreSQL, appendix A); another one counts as "other".
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

/// How a tenant's statement was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Read from the shard itself on its node.
    Shard,
    /// To the node that holds the shard, through Citus there.
    Node,
    /// To the only server, or to the coordinator while no map of the shards is known.
    Coordinator,
    /// The shard was not where the map said.
    Moved,
    /// The node could not do it, so the coordinator was asked.
    Fallback,
}

/// Statements of tenants by the way they went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Routing {
    /// Read from the shard itself, on the node that holds it.
    pub shard: u64,
    /// Sent to the node that holds the shard, through Citus there.
    pub node: u64,
    /// Sent to the only server, or to the coordinator because no map of the shards was known.
    pub coordinator: u64,
    /// Misses: the shard was not where the map said, and the statement went through Citus.
    pub moved: u64,
    /// Misses: the node did not do it, and the coordinator was asked.
    pub fallback: u64,
}

/// The counters of one process.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ways: [AtomicU64; 5],
    errors: [AtomicU64; KINDS],
}

impl Tally {
    /// Counts a statement that goes this way.
    pub(super) fn goes(&self, way: Way) {
        self.ways[way as usize].fetch_add(1, Relaxed);
    }

    /// Counts a failure.
    pub(super) fn failed(&self, error: &DbError) {
        self.errors[kind_of(error)].fetch_add(1, Relaxed);
    }

    pub(super) fn routing(&self) -> Routing {
        let count = |way: Way| self.ways[way as usize].load(Relaxed);
        Routing {
            shard: count(Way::Shard),
            node: count(Way::Node),
            coordinator: count(Way::Coordinator),
            moved: count(Way::Moved),
            fallback: count(Way::Fallback),
        }
    }

    /// Failures by class; those that never happened are left out, except the four that are no SQLSTATE.
    pub(super) fn errors(&self) -> Vec<(&'static str, u64)> {
        let counted = self.errors.iter().enumerate().map(|(kind, count)| (kind, count.load(Relaxed)));
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
        DbError::Taken(_) => return class("23"),
        DbError::Repeat(error) | DbError::Fault(error) => error,
        DbError::Unavailable(None) => return TIMEOUT,
        DbError::Unavailable(Some(source)) => match source.downcast_ref::<tokio_postgres::Error>() {
            Some(error) => error,
            None if source.is::<super::error::PoolError>() => return POOL_BUSY,
            None => return TIMEOUT,
        },
    };
    database.code().map_or(BROKEN_OFF, |state| class(state.code()))
}

fn class(state: &str) -> usize {
    CLASSES.iter().position(|class| state.starts_with(class)).unwrap_or(OTHER)
}

/// What happened while callers waited for a connection of one pool.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: AtomicU64,
    micros: AtomicU64,
    given_up: AtomicU64,
}

impl Waits {
    /// Counts a caller who waited because all connections were in use, and whether that was in vain.
    pub(super) fn ended(&self, waited: Duration, in_vain: bool) {
        self.waits.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Relaxed);
        self.given_up.fetch_add(u64::from(in_vain), Relaxed);
    }
}

/// A pool of connections as it is now.
#[derive(Clone, Debug, Serialize)]
pub struct PoolState {
    /// The server, as host:port.
    pub node: String,
    /// What the pool is for: tenants, login, sign_up, maintenance or relay.
    pub pool: &'static str,
    /// The most connections that it may have.
    pub limit: usize,
    /// The connections that it has.
    pub open: usize,
    /// Those that work.
    pub in_use: usize,
    /// Callers that wait for one now.
    pub waiting: usize,
    /// Callers that have waited because all were in use, since the start.
    pub waits: u64,
    /// How long they waited together.
    pub waited_seconds: f64,
    /// Those of them that waited in vain.
    pub given_up: u64,
}

impl PoolState {
    pub(super) fn of(node: String, name: &'static str, pool: &super::connection::Pool) -> Self {
        let status = pool.status();
        let waits = &pool.manager().waits;
        Self {
            node,
            pool: name,
            limit: status.max_size,
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            waiting: status.waiting,
            waits: waits.waits.load(Relaxed),
            waited_seconds: Duration::from_micros(waits.micros.load(Relaxed)).as_secs_f64(),
            given_up: waits.given_up.load(Relaxed),
        }
    }
}

/// Shared by all pools and handles of a process.
pub(super) type Shared = Arc<Tally>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_class_and_the_classes_are_few() {
        let tally = Tally::default();
        tally.failed(&DbError::Taken("users_name".to_owned()));
        tally.failed(&DbError::too_slow());
        tally.failed(&DbError::Unreachable(super::super::error::PoolError::Closed));
        let errors = tally.errors();
        for (name, count) in
            [("23", 1), ("timeout", 1), ("unreachable", 1), ("pool_busy", 0), ("broken_off", 0)]
        {
            assert!(errors.contains(&(name, count)), "{name} in {errors:?}");
        }
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert_eq!((class("23505"), class("ZZ000")), (4, OTHER));
    }

    #[test]
    fn each_way_has_its_number() {
        let tally = Tally::default();
        for way in [Way::Shard, Way::Node, Way::Node, Way::Fallback] {
            tally.goes(way);
        }
        let routing = tally.routing();
        assert_eq!(
            (routing.shard, routing.node, routing.coordinator, routing.moved, routing.fallback),
            (1, 2, 0, 0, 1)
        );
    }
}
