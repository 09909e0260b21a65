//! Borrowing a connection: the one place where that is done, on our own clock.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Object, Pool};
use super::error::DbError;

/// The longest that a call may take, on our own clock: no server's timeout covers a server that is frozen.
pub(super) const CALL_DEADLINE: Duration = Duration::from_millis(2500);

/// Borrows a connection and works on it until `deadline`; a connection that does not answer in time is thrown
/// away, as nobody knows what it is still waiting for.
pub(super) async fn within<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let result = borrow_and_work(deadline, pool, work).await;
    if let Err(error) = &result {
        pool.manager().tally.failed(error);
    }
    result
}

async fn borrow_and_work<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let client = take(deadline, pool).await?;
    let mut borrowed = Borrowed { client: Some(client), answered: false };
    let Some(client) = borrowed.client.as_mut() else { return Err(DbError::too_slow()) };
    let result = tokio::time::timeout_at(deadline, work(client)).await;
    borrowed.answered = true;
    result.unwrap_or_else(|_| {
        borrowed.discard();
        Err(DbError::too_slow())
    })
}

/// Takes a connection out of the pool. Where none is idle and no more may be opened, that is counted as a
/// wait.
async fn take(deadline: Instant, pool: &Pool) -> Result<Object, DbError> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where a connection is borrowed")]
    let getting = pool.get();
    tokio::pin!(getting);
    if let Poll::Ready(taken) = poll_fn(|context| Poll::Ready(getting.as_mut().poll(context))).await {
        return Ok(taken?);
    }
    let status = pool.status();
    let mut waiting = (status.size >= status.max_size && status.waiting > 0).then(|| Waiting {
        pool,
        since: Instant::now(),
        in_vain: true,
    });
    let taken = tokio::time::timeout_at(deadline, getting).await.map_err(|_| DbError::too_slow())?;
    if let (Ok(_), Some(waiting)) = (&taken, &mut waiting) {
        waiting.in_vain = false;
    }
    Ok(taken?)
}

/// Somebody who waits, who may also go away.
struct Waiting<'a> {
    pool: &'a Pool,
    since: Instant,
    in_vain: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.manager().waits.ended(self.since.elapsed(), self.in_vain);
    }
}

/// A borrowed connection that goes back to the pool only when its work was answered.
struct Borrowed {
    client: Option<Object>,
    answered: bool,
}

impl Borrowed {
    fn discard(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if !self.answered {
            self.discard();
        }
    }
}
