//! Gives a new user the notes that are shared with everybody in the tenant. There is no payload.

use super::handling_error::{HandlingError, error_of_long_statement};
use crate::db::TenantHandle;
use crate::domain::{CATCH_UP, UserId};
use crate::store::Message;

pub(super) const NAME: &str = CATCH_UP;

/// Fills the inbox of the message's user.
pub(super) async fn handle(tenant: &TenantHandle, message: &Message) -> Result<(), HandlingError> {
    tenant.catch_up(UserId::from_row(message.user_id), message.id).await.map_err(error_of_long_statement)
}
