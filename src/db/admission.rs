//! Admission to the connections of a pool. A call that finds no connection for it waits here, and not in the
//! pool, so that a tenant that sends too much waits for itself (`turns` has the order). Each pool has one, in
//! its manager; `checkout` asks it.
//!
//! More calls at once than a node has cores only take the cores from each other, so fewer work at once than
//! the pool has connections. A call that is not answered for long most likely waits for a lock, a disk or
//! another node: it stalls, and another one starts beside it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::counters::{WaitCounters, WaitCounts};
use super::error::NotAdmitted;
use super::shares::Shares;
use super::turns::{Claim, Turns};

/// The longest that a call waits for a connection.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_millis(1500);
/// A call that has run for longer has stalled. Most take a millisecond, and ten when the node is busy.
const STALL_TIME: Duration = Duration::from_millis(50);

/// The queue of one pool.
pub(super) struct Admission {
    /// None when the pool is closed.
    queue: Mutex<Option<CallQueue>>,
    counters: WaitCounters,
}

struct CallQueue {
    turns: Turns<oneshot::Sender<Permit>>,
    /// The calls that work, and since when, in the order of their starts.
    working: VecDeque<(u64, Instant)>,
    /// The number of the permit that was made last.
    last_permit: u64,
    /// Whether a task waits for calls to stall.
    is_watched: bool,
}

/// The right to use one connection. It ends when it is dropped.
pub(super) struct Permit {
    admission: Arc<Admission>,
    claim: Claim,
    number: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.release(self);
    }
}

impl Admission {
    pub(super) fn new(shares: Shares) -> Arc<Self> {
        let queue = CallQueue {
            turns: Turns::new(shares),
            working: VecDeque::new(),
            last_permit: 0,
            is_watched: false,
        };
        Arc::new(Self { queue: Mutex::new(Some(queue)), counters: WaitCounters::default() })
    }

    /// Waits for the right to use a connection, until `deadline` and for [`WAIT_TIMEOUT`] at most. A caller
    /// that is cancelled leaves the queue.
    pub(super) async fn admit(
        self: &Arc<Self>,
        claim: Claim,
        deadline: Instant,
    ) -> Result<Permit, NotAdmitted> {
        let mut waiting = match self.enter(claim)? {
            Entry::Admitted(permit) => return Ok(permit),
            Entry::Waiting(waiting) => waiting,
        };
        let deadline = deadline.min(waiting.since + WAIT_TIMEOUT);
        match tokio::time::timeout_at(deadline, &mut waiting.admitted).await {
            Ok(Ok(permit)) => {
                waiting.is_admitted = true;
                Ok(permit)
            }
            Ok(Err(_)) => Err(NotAdmitted::Closed),
            Err(_) => Err(NotAdmitted::TimedOut),
        }
    }

    fn enter(self: &Arc<Self>, claim: Claim) -> Result<Entry, NotAdmitted> {
        let mut lock = self.lock();
        let queue = lock.as_mut().ok_or(NotAdmitted::Closed)?;
        if queue.turns.try_start(claim) {
            return Ok(Entry::Admitted(self.permit(queue, claim)));
        }
        let (sender, admitted) = oneshot::channel();
        let Some(number) = queue.turns.wait(claim, sender) else {
            self.counters.count_refused();
            return Err(NotAdmitted::TooManyWaiting);
        };
        self.watch(queue);
        Ok(Entry::Waiting(WaitingCall {
            admission: Arc::clone(self),
            claim,
            number,
            admitted,
            since: Instant::now(),
            is_admitted: false,
        }))
    }

    /// Takes back a connection.
    fn release(self: &Arc<Self>, permit: &Permit) {
        self.change(|queue| match queue.working.iter().position(|(number, _)| *number == permit.number) {
            Some(position) => {
                queue.working.remove(position);
                queue.turns.end(permit.claim);
            }
            None => queue.turns.end_stalled(permit.claim),
        });
    }

    /// Sets how many calls may work at once.
    pub(super) fn set_at_once(self: &Arc<Self>, calls: usize) {
        self.change(|queue| queue.turns.set_at_once(calls));
    }

    /// How many calls may work at once; 0 when the pool is closed.
    pub(super) fn at_once(&self) -> usize {
        self.lock().as_ref().map_or(0, |queue| queue.turns.at_once())
    }

    /// Changes the queue, and admits the calls that may start then.
    fn change(self: &Arc<Self>, change: impl FnOnce(&mut CallQueue)) {
        let mut admitted = Vec::new();
        if let Some(queue) = self.lock().as_mut() {
            change(queue);
            while let Some((claim, call)) = queue.turns.start_next() {
                admitted.push((call, self.permit(queue, claim)));
            }
            self.watch(queue);
        }
        // The permit of a call that was just cancelled comes back, and its drop takes the lock.
        for (call, permit) in admitted {
            drop(call.send(permit));
        }
    }

    fn permit(self: &Arc<Self>, queue: &mut CallQueue, claim: Claim) -> Permit {
        queue.last_permit += 1;
        queue.working.push_back((queue.last_permit, Instant::now()));
        Permit { admission: Arc::clone(self), claim, number: queue.last_permit }
    }

    /// Has a task let calls start beside those that stall, unless there is one, or no call waits for one that
    /// works.
    fn watch(self: &Arc<Self>, queue: &mut CallQueue) {
        if queue.is_watched || queue.next_stall().is_none() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        queue.is_watched = true;
        let admission = Arc::clone(self);
        runtime.spawn(async move {
            while let Some(stall) = admission.awaited_stall() {
                tokio::time::sleep_until(stall).await;
                admission.change(CallQueue::stall_calls);
            }
        });
    }

    /// When the next call stalls, for the task that watches; none when its work is done.
    fn awaited_stall(&self) -> Option<Instant> {
        let mut lock = self.lock();
        let queue = lock.as_mut()?;
        let stall = queue.next_stall();
        queue.is_watched = stall.is_some();
        stall
    }

    /// Refuses the calls that wait, and all later ones.
    pub(super) fn close(&self) {
        // Dropping the senders ends the waits.
        let waiting = self.lock().take();
        drop(waiting);
    }

    /// The calls that wait now.
    pub(super) fn waiting(&self) -> usize {
        self.lock().as_ref().map_or(0, |queue| queue.turns.waiting())
    }

    /// The waits since the start.
    pub(super) fn counts(&self) -> WaitCounts {
        self.counters.counts()
    }

    fn lock(&self) -> MutexGuard<'_, Option<CallQueue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallQueue {
    /// No longer counts the calls that have stalled by now, as far as others wait.
    fn stall_calls(&mut self) {
        let now = Instant::now();
        while self.next_stall().is_some_and(|stall| stall <= now) {
            self.working.pop_front();
            self.turns.stall();
        }
    }

    /// When the call that has worked longest stalls; none when no call waits for it.
    fn next_stall(&self) -> Option<Instant> {
        let (_, since) = self.working.front()?;
        (self.turns.heeds_stalls() && self.turns.waiting() > 0).then(|| *since + STALL_TIME)
    }
}

enum Entry {
    Admitted(Permit),
    Waiting(WaitingCall),
}

/// A call in the queue. It leaves the queue and is counted when it is dropped, so a caller that is cancelled
/// counts as well.
struct WaitingCall {
    admission: Arc<Admission>,
    claim: Claim,
    number: u64,
    admitted: oneshot::Receiver<Permit>,
    since: Instant,
    is_admitted: bool,
}

impl Drop for WaitingCall {
    fn drop(&mut self) {
        if !self.is_admitted
            && let Some(queue) = self.admission.lock().as_mut()
        {
            queue.turns.leave(self.claim, self.number);
        }
        self.admission.counters.count(self.since.elapsed(), !self.is_admitted);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::db::turns::Weight;
    use crate::domain::TenantId;

    const SOON: Duration = Duration::from_secs(1);

    #[allow(clippy::disallowed_methods, reason = "a test has no database")]
    fn tenant(number: i64) -> Claim {
        Claim::of_tenant(TenantId::from_row(number), Weight::Light)
    }

    fn pool_of_one() -> Arc<Admission> {
        Admission::new(Shares::between_tenants(1))
    }

    async fn admit(admission: &Arc<Admission>, number: i64) -> Result<Permit, NotAdmitted> {
        admission.admit(tenant(number), Instant::now() + SOON).await
    }

    #[tokio::test]
    async fn a_call_waits_until_a_connection_is_given_back() {
        let admission = pool_of_one();
        let first = admit(&admission, 1).await.expect("a connection");
        let mut second = Box::pin(admit(&admission, 1));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(admission.waiting(), 1);
        drop(first);
        assert!(second.await.is_ok());
        let counts = admission.counts();
        assert_eq!((admission.waiting(), counts.waits, counts.timed_out), (0, 1, 0));
    }

    #[tokio::test]
    async fn a_call_starts_beside_one_that_stalls() {
        let admission = Admission::new(Shares::between_tenants(8));
        admission.set_at_once(1);
        let first = admit(&admission, 1).await.expect("a connection");
        let mut second = Box::pin(admit(&admission, 2));
        let mut third = Box::pin(admit(&admission, 3));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        let second = second.await.expect("a connection beside the first");
        assert_eq!(admission.waiting(), 1);
        let third = third.await.expect("a connection beside the other two");
        drop((first, second, third));
        let _one = admit(&admission, 1).await.expect("a connection");
        assert!(admit(&admission, 2).now_or_never().is_none(), "the stalled ones are gone");
    }

    #[tokio::test]
    async fn calls_that_stall_leave_as_many_connections_as_the_pool_has() {
        let admission = Admission::new(Shares::between_tenants(2));
        admission.set_at_once(1);
        let _stalled = (admit(&admission, 1).await, admit(&admission, 1).await);
        let late = admit(&admission, 2).await;
        assert_eq!(late.err(), Some(NotAdmitted::TimedOut));
    }

    #[tokio::test]
    async fn a_wait_ends_at_the_deadline_and_is_counted() {
        let admission = pool_of_one();
        let _first = admit(&admission, 1).await.expect("a connection");
        let late = admission.admit(tenant(2), Instant::now()).await;
        assert_eq!(late.err(), Some(NotAdmitted::TimedOut));
        let counts = admission.counts();
        assert_eq!((admission.waiting(), counts.waits, counts.timed_out), (0, 1, 1));
    }

    #[tokio::test]
    async fn calls_beyond_the_bound_are_refused_at_once_and_those_of_another_tenant_wait() {
        let admission = pool_of_one();
        let _first = admit(&admission, 1).await.expect("a connection");
        let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(admit(&admission, 1))).collect();
        assert!(waiting.iter_mut().all(|call| call.now_or_never().is_none()));
        let refused = admit(&admission, 1).now_or_never().expect("an answer at once");
        assert_eq!(refused.err(), Some(NotAdmitted::TooManyWaiting));
        assert!(admit(&admission, 2).now_or_never().is_none(), "another tenant waits");
        assert_eq!(admission.counts().refused, 1);
    }

    #[tokio::test]
    async fn a_cancelled_call_leaves_the_queue_and_loses_no_connection() {
        let admission = pool_of_one();
        let first = admit(&admission, 1).await.expect("a connection");
        let mut cancelled_in_queue = Box::pin(admit(&admission, 1));
        let mut cancelled_when_admitted = Box::pin(admit(&admission, 1));
        let mut served = Box::pin(admit(&admission, 1));
        for call in [&mut cancelled_in_queue, &mut cancelled_when_admitted, &mut served] {
            assert!(call.now_or_never().is_none());
        }
        drop(cancelled_in_queue);
        assert_eq!(admission.waiting(), 2);
        drop(first);
        assert_eq!(admission.waiting(), 1, "the connection was sent to a call that does not take it");
        drop(cancelled_when_admitted);
        assert!(served.await.is_ok());
        assert!(admit(&admission, 1).now_or_never().is_some_and(|permit| permit.is_ok()));
    }

    #[tokio::test]
    async fn a_closed_pool_refuses_those_that_wait_and_those_that_come() {
        let admission = pool_of_one();
        let first = admit(&admission, 1).await.expect("a connection");
        let mut waiting = Box::pin(admit(&admission, 2));
        assert!((&mut waiting).now_or_never().is_none());
        admission.close();
        assert_eq!(waiting.await.err(), Some(NotAdmitted::Closed));
        drop(first);
        assert_eq!(admit(&admission, 2).await.err(), Some(NotAdmitted::Closed));
    }
}
