//! The load of each tenant: its statements and the seconds that they took. Citus counts tenants too
//! (citus_stat_tenants), but not reads of a shard's own table, which are most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::TenantId;

/// Several maps, so that tenants seldom wait for each other's lock.
const MAPS: usize = 16;
/// The most tenants that a map counts between two calls of [`TenantLoads::take`], which bounds the memory.
const MAP_LIMIT: usize = 5_000;

/// The load that one tenant caused.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TenantLoad {
    pub tenant: i64,
    pub statements: u64,
    /// From sending the statements to the database's answer.
    pub seconds: f64,
}

/// Statements and microseconds by tenant.
type LoadMap = HashMap<i64, (u64, u64)>;

/// The loads of all tenants.
#[derive(Default)]
pub struct TenantLoads {
    counting: AtomicBool,
    maps: [Mutex<LoadMap>; MAPS],
    last: Mutex<Vec<TenantLoad>>,
}

impl TenantLoads {
    /// Starts counting. The caller must then call [`Self::take`] regularly.
    pub fn start(&self) {
        self.counting.store(true, Ordering::Relaxed);
    }

    pub(super) fn count(&self, tenant: TenantId, statements: u64, time: Duration) {
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let tenant = tenant.number();
        let index = usize::try_from(tenant.rem_euclid(16)).unwrap_or_default();
        let mut map = self.maps[index].lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAP_LIMIT && !map.contains_key(&tenant) {
            return;
        }
        let sum = map.entry(tenant).or_default();
        sum.0 += statements;
        sum.1 += u64::try_from(time.as_micros()).unwrap_or_default();
    }

    /// The loads since the last call, the busiest tenant first.
    pub fn take(&self) -> Vec<TenantLoad> {
        let taken: Vec<LoadMap> = self
            .maps
            .iter()
            .map(|map| std::mem::take(&mut *map.lock().unwrap_or_else(PoisonError::into_inner)))
            .collect();
        let loads = sorted(taken.iter().flatten().map(|(tenant, sum)| (*tenant, *sum)));
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&loads);
        loads
    }

    /// The loads since the last call but one of [`Self::take`], the busiest tenant first.
    pub fn recent(&self) -> Vec<TenantLoad> {
        let mut sums: LoadMap = HashMap::new();
        for map in &self.maps {
            sums.extend(map.lock().unwrap_or_else(PoisonError::into_inner).iter());
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

#[allow(clippy::cast_precision_loss, reason = "the microseconds of a minute are below 2^52")]
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
    fn loads_start_from_zero_after_take_and_stay_recent_until_the_next_take() {
        let loads = TenantLoads::default();
        #[allow(clippy::disallowed_methods, reason = "a test has no database")]
        let tenant = TenantId::from_row;
        loads.count(tenant(1), 1, Duration::from_millis(250));
        assert!(loads.recent().is_empty(), "counting has not started");
        loads.start();
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
