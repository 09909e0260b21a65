//! Waiting for conditions and for blocking work.

use std::time::Duration;

/// After this time a test fails as hung. It is no statement about speed.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// Runs work that blocks its thread, such as starting a server, outside the test's runtime.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// The result of the work; fails the test if it takes longer than [`TIMEOUT`].
pub async fn within_timeout<T>(what: &str, work: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(TIMEOUT, work).await else {
        panic!("not within {TIMEOUT:?}: {what}")
    };
    done
}

pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    retry_until_ok(async || if condition().await { Ok(()) } else { Err(what) }).await;
}

/// Repeats `attempt` until it returns Ok. On a timeout the failure shows the last error.
pub async fn retry_until_ok<T, E: std::fmt::Display>(attempt: impl AsyncFn() -> Result<T, E>) -> T {
    let end = tokio::time::Instant::now() + TIMEOUT;
    let mut pause = Duration::from_millis(10);
    loop {
        match attempt().await {
            Ok(result) => return result,
            Err(last_error) => {
                assert!(tokio::time::Instant::now() < end, "not within {TIMEOUT:?}: {last_error}")
            }
        }
        tokio::time::sleep(pause).await;
        // Frequent polling would slow down other tests.
        pause = (pause * 3 / 2).min(Duration::from_millis(400));
    }
}
