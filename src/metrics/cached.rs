//! A value of the database that is read again only when it is too old. Callers that arrive during a read wait
//! for its result, none of them longer than the timeout. A read that failed is not repeated before its time
//! either.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::db::DbError;

/// The last result of a read; `None` inside when the read failed or timed out.
pub struct Cached<T> {
    lifetime: Duration,
    timeout: Duration,
    last: Mutex<Option<(Instant, Option<T>)>>,
}

impl<T: Clone> Cached<T> {
    /// Values are good for `lifetime`; a caller waits for a read as long as `timeout`.
    pub fn new(lifetime: Duration, timeout: Duration) -> Self {
        Self { lifetime, timeout, last: Mutex::new(None) }
    }

    /// The last value, or the result of `read` when that is too old.
    pub async fn get(&self, read: impl Future<Output = Result<T, DbError>>) -> Option<T> {
        let reading = async {
            let mut last = self.last.lock().await;
            if let Some((at, value)) = last.as_ref()
                && at.elapsed() < self.lifetime
            {
                return value.clone();
            }
            // Set first, so that a read that the timeout cuts off counts as failed.
            *last = Some((Instant::now(), None));
            let value = read.await.inspect_err(|error| log::debug!("a metric was not read: {error}")).ok();
            *last = Some((Instant::now(), value.clone()));
            value
        };
        timeout(self.timeout, reading).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_result_is_read_once_in_its_lifetime_also_when_the_read_failed() {
        let reads = Cell::new(0);
        let read = async || {
            reads.set(reads.get() + 1);
            Ok(reads.get())
        };
        let cached = Cached::new(LONG, SHORT);
        assert_eq!((cached.get(read()).await, cached.get(read()).await), (Some(1), Some(1)));
        let failed = Cached::new(LONG, SHORT);
        assert_eq!(failed.get(async { Err(DbError::Taken(String::new())) }).await, None);
        assert_eq!((failed.get(read()).await, reads.get()), (None, 1));
        let old = Cached::new(Duration::ZERO, SHORT);
        assert_eq!((old.get(read()).await, old.get(read()).await), (Some(2), Some(3)));
    }

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_not_waited_for() {
        let cached = Cached::new(LONG, SHORT);
        assert_eq!(cached.get(std::future::pending::<Result<u8, _>>()).await, None);
        assert_eq!(cached.get(async { Ok(1) }).await, None);
    }
}
