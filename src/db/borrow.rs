//! Borrowing a connection: the one place where that is done, on our own clock.

use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Object, Pool};
use super::error::DbError;

/// The longest that a call may take, on our own clock: no server's timeout covers a server that is frozen.
pub(super) const CALL_DEADLINE: Duration = Duration::from_millis(2500);

/// Borrows a connection and works on it until `deadline`; a connection that does not answer in time is thrown away, as
/// nobody knows what it is still waiting for.
pub(super) async fn within<T>(
    deadline: Instant,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
) -> Result<T, DbError> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where a connection is borrowed")]
    let client = tokio::time::timeout_at(deadline, pool.get()).await.map_err(|_| DbError::too_slow())??;
    let mut borrowed = Borrowed { client: Some(client), answered: false };
    let Some(client) = borrowed.client.as_mut() else { return Err(DbError::too_slow()) };
    let result = tokio::time::timeout_at(deadline, work(client)).await;
    borrowed.answered = true;
    result.unwrap_or_else(|_| {
        borrowed.discard();
        Err(DbError::too_slow())
    })
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
