//! Who is busy: statements and seconds of each tenant, counted where they are sent. Citus counts tenants too,
//! but not the reads that go to a shard's own table, which are most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::TenantId;

/// Tenants of which many are counted at once do not wait for each other.
const PARTS: usize = 16;
/// Tenants that are counted in a part between two takings; more are not, so that the memory has an end.
const MOST_IN_PART: usize = 5_000;

/// What one tenant's work came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TenantLoad {
    /// Its number.
    pub tenant: i64,
    /// Statements.
    pub statements: u64,
    /// Seconds until the database had answered them.
    pub seconds: f64,
}

type Part = HashMap<i64, (u64, u64)>;

/// Counts.
#[derive(Default)]
pub struct Loads {
    counting: AtomicBool,
    parts: [Mutex<Part>; PARTS],
    last: Mutex<Vec<TenantLoad>>,
}

impl Loads {
    /// Counts from now on. Whoever begins takes what was counted now and then.
    pub fn begin(&self) {
        self.counting.store(true, Ordering::Relaxed);
    }

    pub(super) fn count(&self, tenant: TenantId, statements: usize, time: Duration) {
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let tenant = tenant.number();
        let place = usize::try_from(tenant.rem_euclid(16)).unwrap_or_default();
        let mut part = self.parts[place].lock().unwrap_or_else(PoisonError::into_inner);
        if part.len() >= MOST_IN_PART && !part.contains_key(&tenant) {
            return;
        }
        let sum = part.entry(tenant).or_default();
        sum.0 += statements as u64;
        sum.1 += u64::try_from(time.as_micros()).unwrap_or_default();
    }

    /// What was counted since the last taking, the busiest first.
    pub fn take(&self) -> Vec<TenantLoad> {
        let taken: Vec<Part> = self
            .parts
            .iter()
            .map(|part| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner)))
            .collect();
        let loads = sorted(taken.iter().flatten().map(|(tenant, sum)| (*tenant, *sum)));
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&loads);
        loads
    }

    /// What was counted since the taking before the last, the busiest first; nothing is taken.
    pub fn recent(&self) -> Vec<TenantLoad> {
        let mut sums: Part = HashMap::new();
        for part in &self.parts {
            sums.extend(part.lock().unwrap_or_else(PoisonError::into_inner).iter());
        }
        let mut loads = sorted(sums.into_iter());
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for before in last {
            match loads.iter_mut().find(|load| load.tenant == before.tenant) {
                Some(load) => {
                    load.statements += before.statements;
                    load.seconds += before.seconds;
                }
                None => loads.push(before),
            }
        }
        loads.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        loads
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a minute")]
fn sorted(sums: impl Iterator<Item = (i64, (u64, u64))>) -> Vec<TenantLoad> {
    let mut loads: Vec<TenantLoad> = sums
        .map(|(tenant, (statements, micros))| TenantLoad { tenant, statements, seconds: micros as f64 / 1e6 })
        .collect();
    loads.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_anew_and_stays_recent_for_a_turn() {
        let loads = Loads::default();
        let tenant = TenantId::from_row;
        loads.count(tenant(1), 1, Duration::from_millis(250));
        assert!(loads.recent().is_empty(), "nobody asked for it");
        loads.begin();
        loads.count(tenant(1), 1, Duration::from_millis(250));
        loads.count(tenant(17), 2, Duration::from_millis(1250));
        assert_eq!(loads.recent().len(), 2);
        assert_eq!(loads.take()[0], TenantLoad { tenant: 17, statements: 2, seconds: 1.25 });
        loads.count(tenant(1), 3, Duration::from_millis(2000));
        assert_eq!(loads.recent()[0], TenantLoad { tenant: 1, statements: 4, seconds: 2.25 });
        assert_eq!(loads.take().len(), 1);
        assert!(loads.take().is_empty() && loads.recent().is_empty());
    }
}
