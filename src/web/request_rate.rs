//! How many requests a second a tenant and a person may send to this process, so that a script in a loop
//! leaves the others their share. Only requests with a session in force are counted: a stranger who invents
//! tokens uses up no tenant's rate.
//!
//! The generic cell rate algorithm keeps one time for each tenant and person: when their last request would
//! have come at exactly the allowed rate. A request is let in while that time is at most a burst ahead. It is
//! written here and not taken from a crate, as the rate differs from tenant to tenant and changes while the
//! process runs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Limit, TenantId, UsageLimits, UserId};
use crate::store::Session;

/// How many seconds of the rate may come at once.
const BURST: u32 = 2;
/// The most tenants and people that are remembered, about 5 MB. One whose time has passed is forgotten first.
const REMEMBERED: usize = 50_000;
/// A client that is refused is written down once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// The requests of this process, by tenant and person.
pub struct RequestRates {
    defaults: UsageLimits,
    seen: Mutex<HashMap<(TenantId, Option<UserId>), Pace>>,
}

/// The requests of a tenant or of a person.
#[derive(Clone, Copy)]
struct Pace {
    /// When the last request would have come at exactly the allowed rate.
    even: Instant,
    /// When the next refusal is written down.
    written_at: Option<Instant>,
}

/// Whose requests are counted, and the rate that holds for them.
type CountedPace = ((TenantId, Option<UserId>), Limit, u32);

/// A request that came too soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSoon {
    pub limit: Limit,
    /// The time after which the next request is let in.
    pub retry_after: Duration,
    /// Whether this refusal is written down.
    pub noted: bool,
}

impl RequestRates {
    /// With the rates of tenants for which an operator set nothing.
    pub fn new(defaults: UsageLimits) -> Self {
        Self { defaults, seen: Mutex::default() }
    }

    /// Counts a request of a session, unless it comes too soon.
    ///
    /// # Errors
    /// [`TooSoon`]; the request does not count then.
    pub fn admit(&self, tenant: TenantId, session: &Session) -> Result<(), TooSoon> {
        let (of_tenant, of_person) = session.request_rates;
        let rate = |set: Option<i64>, limit| {
            let rate = set.unwrap_or_else(|| self.defaults.stored(limit));
            u32::try_from(rate).unwrap_or(u32::MAX)
        };
        self.admit_at(
            Instant::now(),
            [
                (
                    (tenant, Some(session.user)),
                    Limit::RequestsPerPerson,
                    rate(of_person, Limit::RequestsPerPerson),
                ),
                ((tenant, None), Limit::Requests, rate(of_tenant, Limit::Requests)),
            ],
        )
    }

    fn admit_at(&self, now: Instant, paces: [CountedPace; 2]) -> Result<(), TooSoon> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() + paces.len() > REMEMBERED {
            seen.retain(|_, pace| pace.even > now);
        }
        let mut next = [None; 2];
        for (place, (key, limit, rate)) in paces.into_iter().enumerate() {
            // 0 is no limit.
            let Some(interval) = Duration::from_secs(1).checked_div(rate) else { continue };
            let pace = seen.get_mut(&key);
            let even = pace.as_ref().map_or(now, |pace| pace.even.max(now)) + interval;
            let early = (even - now).saturating_sub(Duration::from_secs(1) * BURST);
            if early.is_zero() {
                next[place] = Some((key, even));
                continue;
            }
            let noted = pace.is_some_and(|pace| {
                let due = pace.written_at.is_none_or(|at| at <= now);
                if due {
                    pace.written_at = Some(now + QUIET);
                }
                due
            });
            return Err(TooSoon { limit, retry_after: early, noted });
        }
        for (key, even) in next.into_iter().flatten() {
            // When all that are remembered send requests at this moment, others go uncounted.
            if seen.len() < REMEMBERED || seen.contains_key(&key) {
                seen.entry(key).or_insert(Pace { even, written_at: None }).even = even;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> RequestRates {
        RequestRates::new(UsageLimits::default())
    }

    #[allow(clippy::disallowed_methods, reason = "the tenants are invented")]
    fn keys(tenant: i64, user: i64, per_person: u32, per_tenant: u32) -> [CountedPace; 2] {
        let tenant = TenantId::from_row(tenant);
        [
            ((tenant, Some(UserId::from_row(user))), Limit::RequestsPerPerson, per_person),
            ((tenant, None), Limit::Requests, per_tenant),
        ]
    }

    #[test]
    fn twice_the_rate_comes_at_once_and_then_the_rate() {
        let (rates, start) = (rates(), Instant::now());
        let sent = |at: Duration| rates.admit_at(start + at, keys(1, 1, 10, 0));
        assert_eq!((0..20).filter(|_| sent(Duration::ZERO).is_ok()).count(), 20);
        let refused = sent(Duration::ZERO).expect_err("too soon");
        assert_eq!((refused.limit, refused.noted), (Limit::RequestsPerPerson, true));
        assert_eq!(refused.retry_after, Duration::from_millis(100));
        assert!(!sent(Duration::from_millis(50)).expect_err("too soon").noted, "written once");
        let second =
            (0..100).filter(|request| sent(Duration::from_millis(100 + request * 10)).is_ok()).count();
        assert_eq!(second, 10);
    }

    #[test]
    fn people_of_a_tenant_share_its_rate_and_other_tenants_do_not() {
        let (rates, now) = (rates(), Instant::now());
        let all = (0..50).filter(|user| rates.admit_at(now, keys(1, *user, 5, 10)).is_ok()).count();
        assert_eq!(all, 20);
        assert_eq!(rates.admit_at(now, keys(1, 77, 5, 10)).expect_err("full").limit, Limit::Requests);
        assert!(rates.admit_at(now, keys(2, 77, 5, 10)).is_ok());
    }

    #[test]
    fn without_a_rate_nothing_is_refused_or_remembered() {
        let (rates, now) = (rates(), Instant::now());
        assert!((0..10_000).all(|_| rates.admit_at(now, keys(1, 1, 0, 0)).is_ok()));
        assert!(rates.seen.lock().expect("the lock").is_empty());
    }

    #[test]
    fn memory_is_bounded_and_those_who_are_done_are_forgotten() {
        let (rates, start) = (rates(), Instant::now());
        for user in 0..60_000 {
            assert!(rates.admit_at(start, keys(1, user, 1, 0)).is_ok());
        }
        assert!(rates.seen.lock().expect("the lock").len() <= REMEMBERED);
        assert!(rates.admit_at(start + Duration::from_secs(2), keys(1, 70_000, 1, 0)).is_ok());
        assert_eq!(rates.seen.lock().expect("the lock").len(), 1);
    }
}
