//! The bytes of request and response bodies that a process holds at one time. What does not fit is refused at
//! once, so the memory of the process is bounded whatever its clients send, and however slowly they read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{ClientNetwork, TenantId};

/// The part of the budget that one client, or one tenant, may hold: one in so many.
const SHARES: usize = 4;

/// A budget of bytes, and what of it is held.
#[derive(Debug)]
pub struct MemoryBudget {
    total: usize,
    held: Mutex<HeldBytes>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct HeldBytes {
    total: usize,
    by_holder: HashMap<Holder, usize>,
}

/// A client or a tenant, each with a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Client(ClientNetwork),
    Tenant(TenantId),
}

/// Why bytes were not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// They are more than a share: they never fit.
    TooLarge,
    /// Others are held now.
    Exhausted,
}

impl MemoryBudget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, held: Mutex::default(), refused: AtomicU64::default() })
    }

    /// A reservation of no bytes, which grows.
    pub fn reservation(self: &Arc<Self>, client: ClientNetwork, tenant: Option<TenantId>) -> Reservation {
        let holders = [Some(Holder::Client(client)), tenant.map(Holder::Tenant)];
        Reservation { budget: self.clone(), holders, bytes: 0 }
    }

    /// The bytes of the whole budget.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The bytes that are held now.
    pub fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// How often bytes were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    fn add(&self, holders: [Option<Holder>; 2], more: usize, before: usize) -> Result<(), BudgetRefusal> {
        let share = self.total / SHARES;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |bytes: usize, limit: usize| bytes.checked_add(more).is_some_and(|sum| sum <= limit);
        let of = |holder: &Holder| held.by_holder.get(holder).copied().unwrap_or_default();
        if !fits(held.total, self.total) || !holders.iter().flatten().all(|holder| fits(of(holder), share)) {
            drop(held);
            self.refused.fetch_add(1, Relaxed);
            return Err(if fits(before, share) { BudgetRefusal::Exhausted } else { BudgetRefusal::TooLarge });
        }
        held.total += more;
        for holder in holders.into_iter().flatten() {
            *held.by_holder.entry(holder).or_default() += more;
        }
        Ok(())
    }

    fn release(&self, holders: [Option<Holder>; 2], bytes: usize) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(bytes);
        for holder in holders.into_iter().flatten() {
            if let Some(of_holder) = held.by_holder.get_mut(&holder) {
                *of_holder = of_holder.saturating_sub(bytes);
                if *of_holder == 0 {
                    held.by_holder.remove(&holder);
                }
            }
        }
    }
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    holders: [Option<Holder>; 2],
    bytes: usize,
}

impl Reservation {
    /// Makes the reservation `bytes` long. A shorter one always fits.
    ///
    /// # Errors
    /// [`BudgetRefusal`]; the reservation keeps its length.
    pub fn resize(&mut self, bytes: usize) -> Result<(), BudgetRefusal> {
        if bytes > self.bytes {
            self.budget.add(self.holders, bytes - self.bytes, self.bytes)?;
        } else {
            self.budget.release(self.holders, self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.release(self.holders, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientNetwork {
        ClientNetwork::of(text.parse().expect("an address"))
    }

    #[test]
    fn a_client_holds_its_share_and_leaves_the_rest_to_others() {
        let budget = MemoryBudget::new(400);
        let mut first = budget.reservation(client("192.0.2.1"), None);
        assert_eq!(first.resize(101), Err(BudgetRefusal::TooLarge));
        assert_eq!(first.resize(80), Ok(()));
        let mut second = budget.reservation(client("192.0.2.1"), None);
        assert_eq!(second.resize(21), Err(BudgetRefusal::Exhausted));
        let mut other = budget.reservation(client("192.0.2.2"), None);
        assert_eq!((other.resize(100), budget.held(), budget.refused()), (Ok(()), 180, 2));
        assert_eq!((first.resize(10), second.resize(21)), (Ok(()), Ok(())));
        drop((first, second, other));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "no session is at hand")]
    fn the_whole_is_bounded_too_and_tenants_have_shares() {
        let budget = MemoryBudget::new(400);
        let reserve = |address: &str, tenant: i64| {
            let mut held = budget.reservation(client(address), Some(TenantId::from_row(tenant)));
            held.resize(90).map(|()| held)
        };
        let first = reserve("192.0.2.1", 1).expect("room");
        assert_eq!(reserve("192.0.2.2", 1).err(), Some(BudgetRefusal::Exhausted));
        let others = [reserve("192.0.2.2", 2), reserve("192.0.2.3", 3), reserve("192.0.2.4", 4)];
        assert!(others.iter().all(Result::is_ok));
        assert_eq!(reserve("192.0.2.5", 5).err(), Some(BudgetRefusal::Exhausted));
        drop(first);
        assert!(reserve("192.0.2.5", 5).is_ok());
    }
}
