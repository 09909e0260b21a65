//! Waits until a message is handled, for clients that ask for it with `Prefer: wait`.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::Pauses;
use crate::db::TenantHandle;
use crate::store::DeliveryState;

/// How long the last read of the message may take after the client's time is over.
const READ_TIMEOUT: Duration = Duration::from_millis(250);

/// The state of a message after `timeout`, or as soon as it is handled or has failed for good. A message that
/// cannot be read is pending: it exists all the same.
pub async fn wait_for(tenant: &TenantHandle, message: i64, timeout: Duration) -> DeliveryState {
    let deadline = Instant::now() + timeout;
    let mut pauses = Pauses::of_awaited_message();
    loop {
        tokio::time::sleep_until(deadline.min(Instant::now() + pauses.next())).await;
        let state = match tokio::time::timeout_at(deadline + READ_TIMEOUT, tenant.message(message)).await {
            Ok(Ok(Some(message))) => message.state,
            _ => DeliveryState::Pending,
        };
        let done = matches!(state, DeliveryState::Acknowledged | DeliveryState::Failed);
        if done || Instant::now() >= deadline {
            return state;
        }
    }
}
