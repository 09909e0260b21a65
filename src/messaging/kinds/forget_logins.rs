//! Removes a user who left from the login directory. Payload: [`ForgetLogins`].

use super::handling_error::HandlingError;
use crate::db::{Database, TenantHandle};
use crate::domain::{FORGET_LOGINS, ForgetLogins, UserId};
use crate::store::{self, Message};

pub(super) const NAME: &str = FORGET_LOGINS;

/// The login directory is on other shards, so the message is acknowledged by a statement of its own at the
/// end.
pub(super) async fn handle(
    database: &Database,
    tenant: &TenantHandle,
    message: &Message,
) -> Result<(), HandlingError> {
    let user = UserId::from_row(message.user_id);
    if tenant.was_removed(user).await? {
        let hashes = ForgetLogins::hashes(&message.payload).unwrap_or_default();
        store::forget_logins(database, tenant.tenant(), user, &hashes).await?;
    }
    Ok(tenant.acknowledge(message.id).await?)
}
