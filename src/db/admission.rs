//! Admission to the connections of a pool. A call that finds no connection for it waits here, and not in the
//! pool, so that a tenant that sends too much waits for itself (`turns` has the order). Each pool has one, in
//! its manager; `checkout` asks it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::counters::{WaitCounters, WaitCounts};
use super::error::NotAdmitted;
use super::turns::{Claim, Shares, Turns};

/// The longest that a call waits for a connection.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_millis(1500);

/// The queue of one pool.
pub(super) struct Admission {
    /// None when the pool is closed.
    turns: Mutex<Option<Turns<oneshot::Sender<Permit>>>>,
    counters: WaitCounters,
}

/// The right to use one connection. It ends when it is dropped.
pub(super) struct Permit {
    admission: Arc<Admission>,
    claim: Claim,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.release(self.claim);
    }
}

impl Admission {
    pub(super) fn new(shares: Shares) -> Arc<Self> {
        Arc::new(Self { turns: Mutex::new(Some(Turns::new(shares))), counters: WaitCounters::default() })
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
        let turns = lock.as_mut().ok_or(NotAdmitted::Closed)?;
        if turns.try_start(claim) {
            return Ok(Entry::Admitted(self.permit(claim)));
        }
        let (sender, admitted) = oneshot::channel();
        let Some(number) = turns.wait(claim, sender) else {
            self.counters.count_refused();
            return Err(NotAdmitted::TooManyWaiting);
        };
        Ok(Entry::Waiting(WaitingCall {
            admission: Arc::clone(self),
            claim,
            number,
            admitted,
            since: Instant::now(),
            is_admitted: false,
        }))
    }

    /// Takes back a connection, and admits the calls that may start now.
    fn release(self: &Arc<Self>, claim: Claim) {
        let mut admitted = Vec::new();
        if let Some(turns) = self.lock().as_mut() {
            turns.end(claim);
            while let Some((claim, call)) = turns.start_next() {
                admitted.push((call, self.permit(claim)));
            }
        }
        // The permit of a call that was just cancelled comes back, and its drop takes the lock.
        for (call, permit) in admitted {
            drop(call.send(permit));
        }
    }

    fn permit(self: &Arc<Self>, claim: Claim) -> Permit {
        Permit { admission: Arc::clone(self), claim }
    }

    /// Refuses the calls that wait, and all later ones.
    pub(super) fn close(&self) {
        // Dropping the senders ends the waits.
        let waiting = self.lock().take();
        drop(waiting);
    }

    /// The calls that wait now.
    pub(super) fn waiting(&self) -> usize {
        self.lock().as_ref().map_or(0, Turns::waiting)
    }

    /// The waits since the start.
    pub(super) fn counts(&self) -> WaitCounts {
        self.counters.counts()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Turns<oneshot::Sender<Permit>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
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
            && let Some(turns) = self.admission.lock().as_mut()
        {
            turns.leave(self.claim, self.number);
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
