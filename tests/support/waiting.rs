//! Waiting without holding anything else up.

use std::time::Duration;

/// After this time a test takes what it waits for to hang. It says nothing of how fast the machine should be.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Does work that blocks its thread, such as starting a server, beside the test's own runtime.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// What comes of the work, which could also hang for ever: that becomes a failure. It says nothing of how fast it was.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, work).await else { panic!("not within {PATIENCE:?}: {what}") };
    done
}

/// Waits until the condition holds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
