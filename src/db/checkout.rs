//! Taking a connection out of a pool and working on it, until a deadline by our own clock: no server's
//! timeout covers a server that is frozen.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::admission::Permit;
use super::connection::{Pool, PooledConnection};
use super::error::DbError;
use super::turns::Claim;

/// The longest that a call may take.
pub(super) const CALL_DEADLINE: Duration = Duration::from_millis(2500);

/// Takes a connection for work of the program itself; see [`with_connection_for`].
pub(super) async fn with_connection<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    with_connection_for(Claim::PROGRAM, deadline, pool, work).await
}

/// Takes a connection when it is the turn of `claim`, and works on it until `deadline`. A connection that has
/// not answered by then is closed, because it is unknown what it still waits for.
pub(super) async fn with_connection_for<T>(
    claim: Claim,
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let result = take_and_work(claim, deadline, pool, work).await;
    if let Err(error) = &result {
        pool.manager().counters.count_failure(error);
    }
    result
}

async fn take_and_work<T>(
    claim: Claim,
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let mut checkout = take(claim, deadline, pool).await?;
    let Some((client, _)) = checkout.client.as_mut() else { return Err(DbError::deadline_exceeded()) };
    pool.manager().counters.count_call();
    let result = tokio::time::timeout_at(deadline, work(client)).await;
    checkout.answered = result.is_ok();
    result.unwrap_or_else(|_| Err(DbError::deadline_exceeded()))
}

/// Waits for the turn of `claim`, and takes a connection out of the pool, which then has one that is idle or
/// may be opened.
async fn take(claim: Claim, deadline: Instant, pool: &Pool) -> Result<Checkout, DbError> {
    let permit = pool.manager().admission.admit(claim, deadline).await?;
    #[allow(clippy::disallowed_methods, reason = "this is the one place where a connection is taken")]
    let taken = tokio::time::timeout_at(deadline, pool.get()).await;
    let client = taken.map_err(|_| DbError::deadline_exceeded())??;
    Ok(Checkout { client: Some((client, permit)), answered: false })
}

/// Closes the connections of a pool that are idle, and those in use when their work ends. Every later call
/// fails.
pub(super) fn close(pool: &Pool) {
    pool.manager().admission.close();
    pool.close();
}

/// A connection that returns to the pool only when its work was answered. A caller that is cancelled, or that
/// reaches its deadline, drops this in the middle of the work.
struct Checkout {
    /// The connection returns before the permit ends.
    client: Option<(PooledConnection, Permit)>,
    answered: bool,
}

impl Checkout {
    fn close(&mut self) {
        if let Some((client, permit)) = self.client.take() {
            drop(PooledConnection::take(client));
            drop(permit);
        }
    }

    /// Closes the connection when the server has finished what was sent, or does not answer. Until then it
    /// counts as in use, because the server works on: a client that sends searches and goes away would
    /// otherwise start any number of them.
    fn close_when_finished(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return self.close() };
        let mut abandoned = Self { client: self.client.take(), answered: true };
        runtime.spawn(async move {
            if let Some((client, _)) = &abandoned.client {
                let _ = tokio::time::timeout(CALL_DEADLINE, client.batch_execute("")).await;
            }
            abandoned.close();
        });
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if !self.answered {
            self.close_when_finished();
        }
    }
}
