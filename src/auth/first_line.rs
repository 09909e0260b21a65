//! What a process knows by itself of attempts: the rate of each address, and which buckets refused lately. A
//! refusal from here costs neither a hash nor a call of the database.

use std::hash::Hash;
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
/// The share of an address's attempts at once that one name, or one known browser, has.
const SHARE_OF_A_NAME: u32 = 6;
/// The time in which a login of one name from one address comes back: a script logs in once a minute at most.
const NAME_REFILL: Duration = Duration::from_secs(30);
/// The time in which a login of a known browser comes back.
const BROWSER_REFILL: Duration = Duration::from_secs(2);
/// The attempts after which addresses are forgotten whose buckets are full.
const TIDY_AFTER: u32 = 1024;

type Rate<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The first line of one process.
pub(super) struct FirstLine {
    attempts: Rate<ClientNetwork>,
    names: Rate<[u8; 32]>,
    browsers: Rate<[u8; 32]>,
    clock: DefaultClock,
    seen: AtomicU32,
    refused: Cache<[u8; 32], Instant>,
}

impl FirstLine {
    /// `burst` attempts of one address at once.
    pub(super) fn new(burst: u32) -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let every = |refill: Duration| {
            let quota = Quota::with_period(refill).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
            quota.allow_burst(number(burst / SHARE_OF_A_NAME))
        };
        Self {
            attempts: RateLimiter::hashmap(Quota::per_second(number(REFILL)).allow_burst(number(burst))),
            names: RateLimiter::hashmap(every(NAME_REFILL)),
            browsers: RateLimiter::hashmap(every(BROWSER_REFILL)),
            clock: DefaultClock::default(),
            seen: AtomicU32::new(0),
            refused: Cache::builder().time_to_live(BELIEVED).max_capacity(CAPACITY).build(),
        }
    }

    /// Counts an attempt, and gives the time to wait when the address has made too many.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        self.count_in(&self.attempts, &ClientNetwork::of(address))
    }

    /// Counts a login of a name from an address, also one that will succeed.
    pub(super) fn count_name(&self, key: &[u8; 32]) -> Result<(), Duration> {
        self.count_in(&self.names, key)
    }

    /// Counts a login of a known browser, or of its account.
    pub(super) fn count_browser(&self, key: &[u8; 32]) -> Result<(), Duration> {
        self.count_in(&self.browsers, key)
    }

    fn count_in<K: Hash + Eq + Clone>(&self, rate: &Rate<K>, key: &K) -> Result<(), Duration> {
        if self.seen.fetch_add(1, Relaxed) % TIDY_AFTER == TIDY_AFTER - 1 {
            self.attempts.retain_recent();
            self.names.retain_recent();
            self.browsers.retain_recent();
        }
        rate.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
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
