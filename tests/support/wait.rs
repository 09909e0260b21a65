//! Waiting without holding anything else up.

use std::time::Duration;

/// After this time a test takes what it waits for to hang. It says nothing of how fast the machine should be.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// Does work that blocks its thread, such as starting a server, beside the test's own runtime.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// What comes of the work, which could also hang for ever: that becomes a failure. It says nothing of how
/// fast it was.
pub async fn within_timeout<T>(what: &str, work: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(TIMEOUT, work).await else {
        panic!("not within {TIMEOUT:?}: {what}")
    };
    done
}

/// Waits until the condition holds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    retry_until_ok(async || if condition().await { Ok(()) } else { Err(what) }).await;
}

/// Looks again until there is a result. Until then the error says what is there instead, which the failure
/// names.
pub async fn retry_until_ok<T, E: std::fmt::Display>(look: impl AsyncFn() -> Result<T, E>) -> T {
    let end = tokio::time::Instant::now() + TIMEOUT;
    let mut pause = Duration::from_millis(10);
    loop {
        match look().await {
            Ok(result) => return result,
            Err(instead) => assert!(tokio::time::Instant::now() < end, "not within {TIMEOUT:?}: {instead}"),
        }
        tokio::time::sleep(pause).await;
        // Looking costs the machine something too.
        pause = (pause * 3 / 2).min(Duration::from_millis(400));
    }
}
