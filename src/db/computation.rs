//! The queue for work that keeps a processor busy for milliseconds, such as the merge or the rendering of a
//! long text. It runs on blocking threads, so that the event loops go on, on half of the processors at most,
//! and one piece of a tenant at a time. The order is that of `turns`: tenants take turns.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::time::Instant;

use super::admission::{Admission, WAIT_TIMEOUT};
use super::error::DbError;
use super::shares::Shares;
use super::turns::{Claim, Weight};
use crate::domain::TenantId;
use crate::log_context::carry_blocking;

/// The queue of one process.
pub(super) struct Computations(Arc<Admission>);

impl Computations {
    /// A queue for half of the processors.
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self(Admission::new(Shares::of_processors(processors / 2)))
    }

    /// Runs `work` when it is the turn of the tenant.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] when too much work of the tenant waits, or its turn does not come in time.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DbError> {
        let claim = Claim::of_tenant(tenant, Weight::Light);
        let permit = self.0.admit(claim, Instant::now() + WAIT_TIMEOUT).await;
        let permit = permit.map_err(|_| DbError::Overloaded)?;
        // The permit moves into the closure: a client that disconnects does not end the work.
        let work = move || {
            let result = work();
            drop(permit);
            result
        };
        let done = tokio::task::spawn_blocking(carry_blocking(work)).await;
        done.map_err(|error| DbError::Unavailable(Some(error.into())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use futures_util::FutureExt;

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a test has no database")]
    fn tenant(number: i64) -> TenantId {
        TenantId::from_row(number)
    }

    fn on(processors: usize) -> Computations {
        Computations(Admission::new(Shares::of_processors(processors)))
    }

    /// Work that lasts until the sender is dropped.
    fn lasting() -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (sender, receiver): (_, Receiver<()>) = channel();
        (sender, move || assert!(receiver.recv().is_err()))
    }

    #[tokio::test]
    async fn a_tenant_computes_one_piece_at_a_time_beside_others_and_also_when_its_client_left() {
        let queue = on(2);
        let (end, work) = lasting();
        let mut first = Box::pin(queue.run(tenant(1), work));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(queue.run(tenant(1), || "second"));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(queue.run(tenant(2), || "another's").await.ok(), Some("another's"));
        drop(first);
        assert!((&mut second).now_or_never().is_none(), "the first still computes");
        drop(end);
        assert_eq!(second.await.ok(), Some("second"));
    }

    #[tokio::test]
    async fn work_is_refused_when_too_much_of_its_tenant_waits() {
        let queue = on(1);
        let (_end, work) = lasting();
        let mut running = Box::pin(queue.run(tenant(1), work));
        assert!((&mut running).now_or_never().is_none());
        let mut waiting: Vec<_> = (0..16).map(|_| Box::pin(queue.run(tenant(1), || ()))).collect();
        assert!(waiting.iter_mut().all(|work| work.now_or_never().is_none()));
        let refused = queue.run(tenant(1), || ()).now_or_never().expect("an answer at once");
        assert!(matches!(refused, Err(DbError::Overloaded)));
        assert!(queue.run(tenant(2), || ()).now_or_never().is_none(), "another tenant waits");
    }
}
