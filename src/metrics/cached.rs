//! An answer of the database that is good for a while. Whoever looks while it is being asked waits for the
//! same answer; nobody waits longer than it has patience, and a database that does not answer is not asked
//! again at once.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::db::DbError;

/// The last answer; inside, nothing when there was none in time.
pub(super) struct Kept<T> {
    life: Duration,
    patience: Duration,
    last: Mutex<Option<(Instant, Option<T>)>>,
}

impl<T: Clone> Kept<T> {
    /// Answers that are good for `life` and waited for as long as `patience`.
    pub(super) fn for_a(life: Duration, patience: Duration) -> Self {
        Self { life, patience, last: Mutex::new(None) }
    }

    /// The last answer, or a new one when that is too old.
    pub(super) async fn get(&self, ask: impl Future<Output = Result<T, DbError>>) -> Option<T> {
        let looking = async {
            let mut last = self.last.lock().await;
            if let Some((at, answer)) = last.as_ref()
                && at.elapsed() < self.life
            {
                return answer.clone();
            }
            // Noted first: who is cut off in the middle has had no answer.
            *last = Some((Instant::now(), None));
            let answer = ask.await.inspect_err(|error| log::debug!("nothing to show: {error}")).ok();
            *last = Some((Instant::now(), answer.clone()));
            answer
        };
        timeout(self.patience, looking).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn within_its_life_an_answer_is_asked_for_once_also_when_there_was_none() {
        let asked = Cell::new(0);
        let answer = async || {
            asked.set(asked.get() + 1);
            Ok(asked.get())
        };
        let kept = Kept::for_a(LONG, SHORT);
        assert_eq!((kept.get(answer()).await, kept.get(answer()).await), (Some(1), Some(1)));
        let failed = Kept::for_a(LONG, SHORT);
        assert_eq!(failed.get(async { Err(DbError::Taken(String::new())) }).await, None);
        assert_eq!((failed.get(answer()).await, asked.get()), (None, 1));
        let old = Kept::for_a(Duration::ZERO, SHORT);
        assert_eq!((old.get(answer()).await, old.get(answer()).await), (Some(2), Some(3)));
    }

    #[tokio::test]
    async fn a_database_that_says_nothing_is_given_up() {
        let kept = Kept::for_a(LONG, SHORT);
        assert_eq!(kept.get(std::future::pending::<Result<u8, _>>()).await, None);
        assert_eq!(kept.get(async { Ok(1) }).await, None);
    }
}
