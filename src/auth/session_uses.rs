//! The last uses of sessions: they are kept in memory for half a minute and then written in one statement
//! for each tenant, beside the requests. A process that is killed loses half a minute of them: the times are
//! not more exact than some minutes (store/session_lifetime.rs).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::{StreamExt, stream};

use crate::db::{Database, causes};
use crate::domain::TenantId;

/// The pause between two writings.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest that a writing takes, so that a node that does not answer stops neither the next writing nor
/// the end of the process.
const DEADLINE: Duration = Duration::from_secs(10);
/// The pauses before a writing is repeated. At a stop the threads of the web server have just ended, and with
/// them the connections that they had opened.
const BACKOFF: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(50)).with_max_times(3).with_jitter();
/// The tenants that are written for at a time. Requests need the connections more.
const TENANTS_AT_A_TIME: usize = 2;
/// The most sessions that are kept, of some 100 bytes each. Another one is kept at its next use.
const CAPACITY: usize = 50_000;

/// The sessions whose last use is to be written.
#[derive(Default)]
pub(super) struct SessionUses {
    kept: Mutex<KeptUses>,
    /// Held by the one writing that runs, so that a stop waits for its end.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct KeptUses {
    /// The hashes of the tokens.
    by_tenant: HashMap<TenantId, HashSet<Vec<u8>>>,
    sessions: usize,
}

impl SessionUses {
    /// Keeps that a session was used now.
    pub(super) fn keep(&self, tenant: TenantId, token_hash: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.sessions < CAPACITY && kept.by_tenant.entry(tenant).or_default().insert(token_hash.to_vec()) {
            kept.sessions += 1;
        }
    }

    /// Writes those that are kept. What cannot be written is kept again at the next use of its session.
    pub(super) async fn write(&self, database: &Database) {
        let _turn = self.writing.lock().await;
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let written = AtomicUsize::new(0);
        let write = async |(tenant, hashes): (TenantId, HashSet<Vec<u8>>)| {
            let hashes: Vec<_> = hashes.into_iter().collect();
            let mut pauses = BACKOFF.build();
            while let Err(error) = database.tenant(tenant).touch_sessions(&hashes).await {
                let Some(pause) = pauses.next() else {
                    log::debug!("the last use of sessions was not written: {}", causes(&error));
                    return;
                };
                tokio::time::sleep(pause).await;
            }
            written.fetch_add(hashes.len(), Ordering::Relaxed);
        };
        let all = stream::iter(kept.by_tenant).for_each_concurrent(TENANTS_AT_A_TIME, write);
        let _ = tokio::time::timeout(DEADLINE, all).await;
        let failed = kept.sessions - written.into_inner();
        if failed > 0 {
            log::warn!("the last use of {failed} sessions could not be written");
        }
    }

    /// Writes them again and again, until the future is dropped. Processes that start together write at
    /// different times.
    pub(super) async fn keep_written(&self, database: &Database) {
        loop {
            tokio::time::sleep(PAUSE.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            self.write(database).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test has no database")]
    fn a_session_is_kept_once_and_no_more_than_the_capacity() {
        let uses = SessionUses::default();
        for number in 0..=CAPACITY {
            for _ in 0..2 {
                uses.keep(TenantId::from_row(i64::from(number % 7 == 0)), &number.to_be_bytes());
            }
        }
        let kept = uses.kept.lock().expect("the uses");
        assert_eq!(kept.sessions, CAPACITY);
        assert_eq!(kept.by_tenant.values().map(HashSet::len).sum::<usize>(), CAPACITY);
    }
}
