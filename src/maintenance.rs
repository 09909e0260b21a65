//! The hourly clean-up: removes expired sessions, delivered messages, old idempotency keys and organizations
//! whose deletion is due. `serve` and `worker` both run it; running it twice at once does no harm.

use std::time::Duration;

use crate::db::Database;
use crate::store;

/// The time between two clean-ups.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Cleans up once an hour. It never returns: the caller spawns it and aborts it at shutdown.
pub async fn run_hourly(database: Database) {
    loop {
        clean_up(&database).await;
        log::debug!("the clean-up is done; the next one is in {} s", INTERVAL.as_secs());
        tokio::time::sleep(INTERVAL).await;
    }
}

/// A failure is logged and not returned: the next clean-up tries again.
async fn clean_up(database: &Database) {
    for (what, removed) in [
        ("acknowledged messages", store::forget_acknowledged(database).await),
        ("idempotency keys", store::forget_idempotency_keys(database).await),
        ("throttles", store::forget_throttles(database).await),
    ] {
        match removed {
            Ok(0) => {}
            Ok(removed) => log::info!("removed {removed} old {what}"),
            Err(error) => log::warn!("old {what} could not be removed: {error}"),
        }
    }
    match store::purge_expired(database).await {
        Ok(0) => {}
        Ok(removed) => log::info!("removed {removed} expired sessions"),
        Err(error) => log::warn!("expired sessions could not be removed: {error}"),
    }
    if let Err(error) = store::purge_overdue_tenants(database).await {
        log::warn!("an organization whose deletion is due could not be removed yet: {error}");
    }
}
