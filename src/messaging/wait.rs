//! Waiting until a message is done, for a client that wants to know.

use std::time::Duration;

use tokio::time::Instant;

use crate::db::TenantHandle;
use crate::store::DeliveryState;

/// The pause after the first look; it grows by half each time, up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(8);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How far the message has come after `patience`, or as soon as it is done or has failed for good. What
/// cannot be looked at is pending: the message stands, whether we can see it or not.
pub async fn wait_for(tenant: &TenantHandle, message: i64, patience: Duration) -> DeliveryState {
    let deadline = Instant::now() + patience;
    let mut pause = SHORTEST_PAUSE;
    loop {
        tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        pause = LONGEST_PAUSE.min(pause * 3 / 2);
        let state = match tokio::time::timeout_at(deadline + LONGEST_PAUSE, tenant.message(message)).await {
            Ok(Ok(Some(message))) => message.state,
            _ => DeliveryState::Pending,
        };
        let done = matches!(state, DeliveryState::Acknowledged | DeliveryState::Failed);
        if done || Instant::now() >= deadline {
            return state;
        }
    }
}
