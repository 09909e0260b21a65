//! Taking a connection out of a pool and working on it, until a deadline by our own clock: no server's
//! timeout covers a server that is frozen.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Pool, PooledConnection};
use super::error::DbError;

/// The longest that a call may take.
pub(super) const CALL_DEADLINE: Duration = Duration::from_millis(2500);

/// Takes a connection and works on it until `deadline`. A connection that has not answered by then is closed,
/// because it is unknown what it still waits for.
pub(super) async fn with_connection<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let result = take_and_work(deadline, pool, work).await;
    if let Err(error) = &result {
        pool.manager().counters.count_failure(error);
    }
    result
}

async fn take_and_work<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let client = take(deadline, pool).await?;
    let mut checkout = Checkout { client: Some(client), answered: false };
    let Some(client) = checkout.client.as_mut() else { return Err(DbError::deadline_exceeded()) };
    let result = tokio::time::timeout_at(deadline, work(client)).await;
    checkout.answered = true;
    result.unwrap_or_else(|_| {
        checkout.close();
        Err(DbError::deadline_exceeded())
    })
}

/// Takes a connection out of the pool. A call that finds none idle and may open no more is counted as a wait.
async fn take(deadline: Instant, pool: &Pool) -> Result<PooledConnection, DbError> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where a connection is taken")]
    let getting = pool.get();
    tokio::pin!(getting);
    if let Poll::Ready(taken) = poll_fn(|context| Poll::Ready(getting.as_mut().poll(context))).await {
        return Ok(taken?);
    }
    let status = pool.status();
    let mut wait = (status.size >= status.max_size && status.waiting > 0).then(|| PoolWait {
        pool,
        since: Instant::now(),
        timed_out: true,
    });
    let taken = tokio::time::timeout_at(deadline, getting).await.map_err(|_| DbError::deadline_exceeded())?;
    if let (Ok(_), Some(wait)) = (&taken, &mut wait) {
        wait.timed_out = false;
    }
    Ok(taken?)
}

/// A call that waits for a connection. It is counted when it is dropped, so a caller that is cancelled counts
/// as well.
struct PoolWait<'a> {
    pool: &'a Pool,
    since: Instant,
    timed_out: bool,
}

impl Drop for PoolWait<'_> {
    fn drop(&mut self) {
        self.pool.manager().waits.count(self.since.elapsed(), self.timed_out);
    }
}

/// A connection that returns to the pool only when its work was answered. A caller that is cancelled drops
/// this in the middle of its work.
struct Checkout {
    client: Option<PooledConnection>,
    answered: bool,
}

impl Checkout {
    fn close(&mut self) {
        if let Some(client) = self.client.take() {
            drop(PooledConnection::take(client));
        }
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if !self.answered {
            self.close();
        }
    }
}
