//! The bytes of request and response bodies that a process holds at one time. What does not fit is refused at
//! once, so the memory of the process is bounded whatever its clients send, and however slowly they read.
//!
//! A client, and a tenant, holds a quarter at most. When the whole is held, a client that holds less takes
//! from those that hold more: their oldest bodies that still arrive, or are still being read, are given up.
//! So slow clients share the budget evenly, and keep no client out that needs less than they hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::domain::{ClientNetwork, TenantId};

/// The part of the budget that one client, or one tenant, may hold: one in so many. As much may be given up
/// and still be in memory.
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
    /// What may be given up, the oldest first.
    revocable: BTreeMap<u64, RevocableBytes>,
    last_number: u64,
    /// What was given up and is still in memory.
    leaving: usize,
}

/// A client or a tenant, each with a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Client(ClientNetwork),
    Tenant(TenantId),
}

type Holders = [Option<Holder>; 2];

#[derive(Debug)]
struct RevocableBytes {
    holders: Holders,
    bytes: usize,
    revocation: Arc<MemoryRevocation>,
}

/// Tells the task that holds a body when it has to give it up.
#[derive(Debug, Default)]
pub struct MemoryRevocation {
    revoked: AtomicBool,
    task: AtomicWaker,
}

impl MemoryRevocation {
    /// Whether the body has to be given up; if not, `task` is woken when it has to.
    pub fn is_revoked(&self, task: &Waker) -> bool {
        self.task.register(task);
        self.revoked.load(SeqCst)
    }

    fn revoke(&self) {
        self.revoked.store(true, SeqCst);
        self.task.wake();
    }
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
        Reservation { budget: self.clone(), holders, bytes: 0, number: None }
    }

    /// The bytes of the whole budget.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The bytes that are held now.
    pub fn held(&self) -> usize {
        let held = self.lock();
        held.total + held.leaving
    }

    /// How often bytes were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HeldBytes> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, reservation: &Reservation, more: usize) -> Result<(), BudgetRefusal> {
        let share = self.total / SHARES;
        let mut held = self.lock();
        if reservation.number.is_some_and(|number| !held.revocable.contains_key(&number)) {
            return Err(BudgetRefusal::Exhausted);
        }
        let wanted = held.largest(&reservation.holders).saturating_add(more);
        let mut given_up = Vec::new();
        while wanted <= share && held.total.saturating_add(more) > self.total {
            let Some(revocation) = held.give_up_one(wanted, share) else { break };
            given_up.push(revocation);
        }
        let fits = wanted <= share && held.total.saturating_add(more) <= self.total;
        if fits {
            held.count(&reservation.holders, more);
            if let Some(own) = reservation.number.and_then(|number| held.revocable.get_mut(&number)) {
                own.bytes += more;
            }
        }
        drop(held);
        given_up.iter().for_each(|revocation| revocation.revoke());
        if fits {
            return Ok(());
        }
        self.refused.fetch_add(1, Relaxed);
        let ever_fits = reservation.bytes.checked_add(more).is_some_and(|sum| sum <= share);
        Err(if ever_fits { BudgetRefusal::Exhausted } else { BudgetRefusal::TooLarge })
    }
}

impl HeldBytes {
    /// What the larger of the two holders has.
    fn largest(&self, holders: &Holders) -> usize {
        let held = holders.iter().flatten().map(|holder| self.by_holder.get(holder).copied());
        held.flatten().max().unwrap_or_default()
    }

    fn count(&mut self, holders: &Holders, more: usize) {
        self.total += more;
        for holder in holders.iter().flatten() {
            *self.by_holder.entry(*holder).or_default() += more;
        }
    }

    fn release(&mut self, holders: &Holders, bytes: usize) {
        self.total = self.total.saturating_sub(bytes);
        for holder in holders.iter().flatten() {
            if let Some(of_holder) = self.by_holder.get_mut(holder) {
                *of_holder = of_holder.saturating_sub(bytes);
                if *of_holder == 0 {
                    self.by_holder.remove(holder);
                }
            }
        }
    }

    /// Gives up the oldest bytes of the holder with the most, if it has more than `wanted`, so that of two
    /// with as much neither takes from the other. No more than `most` may be leaving at one time.
    fn give_up_one(&mut self, wanted: usize, most: usize) -> Option<Arc<MemoryRevocation>> {
        let sizes = self.revocable.iter().map(|(number, held)| (self.largest(&held.holders), *number));
        let larger = sizes.filter(|(size, _)| *size > wanted);
        let (_, number) = larger.max_by_key(|(size, number)| (*size, std::cmp::Reverse(*number)))?;
        let bytes = self.revocable.get(&number)?.bytes;
        if self.leaving + bytes > most {
            return None;
        }
        let given_up = self.revocable.remove(&number)?;
        self.release(&given_up.holders, bytes);
        self.leaving += bytes;
        Some(given_up.revocation)
    }
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    holders: Holders,
    bytes: usize,
    /// Of the bytes that may be given up.
    number: Option<u64>,
}

impl Reservation {
    /// Makes the reservation `bytes` long. A shorter one always fits.
    ///
    /// # Errors
    /// [`BudgetRefusal`]; the reservation keeps its length.
    pub fn resize(&mut self, bytes: usize) -> Result<(), BudgetRefusal> {
        if bytes > self.bytes {
            self.budget.add(self, bytes - self.bytes)?;
        } else {
            self.release(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Lets clients that hold less take these bytes. The holder has to look at the revocation.
    pub fn allow_revocation(&mut self) -> Arc<MemoryRevocation> {
        self.forbid_revocation();
        let revocation = Arc::<MemoryRevocation>::default();
        let (holders, bytes) = (self.holders, self.bytes);
        let entry = RevocableBytes { holders, bytes, revocation: revocation.clone() };
        let mut held = self.budget.lock();
        held.last_number += 1;
        let number = held.last_number;
        held.revocable.insert(number, entry);
        drop(held);
        self.number = Some(number);
        revocation
    }

    /// Keeps the bytes from now on, unless they were taken already.
    pub fn forbid_revocation(&mut self) {
        let mut held = self.budget.lock();
        if self.number.is_some_and(|number| held.revocable.remove(&number).is_some()) {
            self.number = None;
        }
    }

    fn release(&self, bytes: usize) {
        let mut held = self.budget.lock();
        match self.number {
            None => held.release(&self.holders, bytes),
            Some(number) => match held.revocable.get_mut(&number) {
                Some(own) => {
                    own.bytes = own.bytes.saturating_sub(bytes);
                    held.release(&self.holders, bytes);
                }
                None => held.leaving = held.leaving.saturating_sub(bytes),
            },
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release(self.bytes);
        if let Some(number) = self.number {
            self.budget.lock().revocable.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientNetwork {
        ClientNetwork::of(text.parse().expect("an address"))
    }

    fn is_revoked(revocation: &MemoryRevocation) -> bool {
        revocation.is_revoked(futures_util::task::noop_waker_ref())
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

    #[test]
    fn a_client_that_holds_less_takes_the_oldest_of_the_one_with_the_most() {
        let budget = MemoryBudget::new(400);
        let reserve = |host: u8, bytes: usize| {
            let mut held = budget.reservation(client(&format!("192.0.2.{host}")), None);
            held.resize(bytes).map(|()| (held.allow_revocation(), held))
        };
        let old = reserve(1, 50).expect("room");
        let young = reserve(1, 50).expect("room");
        let others: Vec<_> = (2..5).map(|host| reserve(host, 100).expect("room")).collect();
        let small = reserve(5, 40).expect("the place of another");
        let revoked = others.iter().filter(|(revocation, _)| is_revoked(revocation)).count();
        assert_eq!((is_revoked(&old.0), is_revoked(&young.0), revoked), (true, false, 0));
        assert_eq!(budget.held(), 50 + 50 + 300 + 40, "what is given up is still in memory");
        drop(old);
        assert_eq!(budget.held(), 50 + 300 + 40);
        drop((young, others, small));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_is_in_use_is_kept_and_equals_do_not_take_from_each_other() {
        let budget = MemoryBudget::new(400);
        let mut held = Vec::new();
        for host in 1..=4 {
            let mut reservation = budget.reservation(client(&format!("192.0.2.{host}")), None);
            assert_eq!(reservation.resize(100), Ok(()));
            held.push(reservation);
        }
        let mut other = budget.reservation(client("192.0.2.9"), None);
        assert_eq!(other.resize(10), Err(BudgetRefusal::Exhausted), "all are in use");
        let revocation = held[0].allow_revocation();
        assert_eq!(other.resize(100), Err(BudgetRefusal::Exhausted), "as much as the others");
        held[0].forbid_revocation();
        assert_eq!(other.resize(10), Err(BudgetRefusal::Exhausted));
        assert!(!is_revoked(&revocation));
        let revocation = held[0].allow_revocation();
        assert_eq!(other.resize(10), Ok(()));
        assert!(is_revoked(&revocation));
        assert_eq!(held[0].resize(101), Err(BudgetRefusal::Exhausted), "it was given up");
        held.clear();
        assert_eq!(budget.held(), 10);
    }

    #[test]
    fn many_slow_clients_share_evenly_and_leave_room_for_a_page() {
        let budget = MemoryBudget::new(64 << 20);
        let mut held = Vec::new();
        for number in 0..250_u8 {
            for _ in 0..100 {
                let mut body = budget.reservation(client(&format!("192.0.2.{number}")), None);
                if body.resize(160 << 10).is_ok() {
                    held.push((body.allow_revocation(), body));
                }
                // The connections of what was given up are closed at once.
                held.retain(|(revocation, _)| !is_revoked(revocation));
            }
        }
        let mut page = budget.reservation(client("198.51.100.1"), None);
        assert_eq!(page.resize(100 << 10), Ok(()));
        assert!(budget.held() <= (64 + 16) << 20);
    }
}
