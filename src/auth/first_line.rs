//! What a process knows by itself of attempts: the rate of each address, and which buckets refused lately. A
//! refusal from here costs neither a hash nor a call of the database.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use crate::domain::ClientNetwork;

/// For how long a process believes a refusal before it asks the database again: a success elsewhere may have
/// ended it.
const BELIEVED: Duration = Duration::from_secs(10);
/// The most refusals that are kept; each takes about a hundred bytes.
const CAPACITY: u64 = 50_000;
/// Attempts that come back each second.
const REFILL: u32 = 2;
/// The attempts after which addresses are forgotten whose buckets are full.
const TIDY_AFTER: u32 = 1024;

/// The first line of one process.
pub(super) struct FirstLine {
    attempts: RateLimiter<ClientNetwork, HashMapStateStore<ClientNetwork>, DefaultClock>,
    clock: DefaultClock,
    seen: AtomicU32,
    refused: Cache<[u8; 32], Instant>,
}

impl FirstLine {
    /// `burst` attempts of one address at once.
    pub(super) fn new(burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(NonZeroU32::new(REFILL).unwrap_or(NonZeroU32::MIN)).allow_burst(burst);
        Self {
            attempts: RateLimiter::hashmap(quota),
            clock: DefaultClock::default(),
            seen: AtomicU32::new(0),
            refused: Cache::builder().time_to_live(BELIEVED).max_capacity(CAPACITY).build(),
        }
    }

    /// Counts an attempt, and gives the time to wait when the address has made too many.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        if self.seen.fetch_add(1, Relaxed) % TIDY_AFTER == TIDY_AFTER - 1 {
            self.attempts.retain_recent();
        }
        let decision = self.attempts.check_key(&ClientNetwork::of(address));
        decision.map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// The time for which a bucket is known to refuse.
    pub(super) fn refusal(&self, key: &[u8; 32]) -> Option<Duration> {
        let until = self.refused.get(key)?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Keeps that a bucket refuses.
    pub(super) fn keep(&self, key: [u8; 32], wait: Duration) {
        self.refused.insert(key, Instant::now() + wait);
    }

    /// Forgets that a bucket refuses.
    pub(super) fn forget(&self, key: &[u8; 32]) {
        self.refused.invalidate(key);
    }
}
