//! The kinds of messages, one file each: its name, its payload and its handler. A message names its tenant,
//! and a handler reads and writes rows of that tenant only. Handling a message twice changes nothing more
//! than handling it once.

mod catch_up;
mod forget_logins;
mod handling_error;
mod insert_to_shared;

pub use handling_error::HandlingError;

use handling_error::unreadable;

use crate::db::{Database, TenantHandle};
use crate::store::Message;

/// All names; the broker's queue is bound with each of them.
pub(super) const NAMES: [&str; 3] = [insert_to_shared::NAME, catch_up::NAME, forget_logins::NAME];

/// Handles a message and acknowledges it, in one transaction where only rows of its tenant change.
///
/// # Errors
/// [`HandlingError`]; nothing was changed then.
pub async fn handle(
    database: &Database,
    tenant: &TenantHandle,
    message: &Message,
) -> Result<(), HandlingError> {
    match message.route.as_str() {
        insert_to_shared::NAME => insert_to_shared::handle(tenant, message).await,
        catch_up::NAME => catch_up::handle(tenant, message).await,
        forget_logins::NAME => forget_logins::handle(database, tenant, message).await,
        _ => Err(unreadable(message)),
    }
}
