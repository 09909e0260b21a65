//! Operations that pages and API share, one file for each subject. A function makes its calls on the store
//! and does what belongs to them in the right order: it clears the session cache, wakes the notifier and
//! writes the line of the security log. Nothing here knows HTTP, cookies, HTML or JSON.

mod actor;
pub mod audit;
mod client;
mod device;
mod error;
pub mod invitations;
pub mod joining;
pub mod limits;
pub mod login;
pub mod membership;
pub mod notes;
pub mod organization;
pub mod password;
pub mod registration;
pub mod search;
pub mod sessions;
pub mod sharing;
pub mod tasks;
pub mod tenant_limits;
pub mod transfer;

pub use actor::Actor;
pub use client::Client;
pub use device::Device;
pub use error::ServiceError;

use std::sync::Arc;

use crate::auth::{Hasher, SessionCache, Throttle};
use crate::db::Database;
use crate::domain::SignUpPolicy;
use crate::messaging::Notifier;
use crate::transfer::UploadSpace;

/// What the operations work with. Clones share the same pools, cache and queues.
#[derive(Clone)]
pub struct Services {
    pub database: Database,
    pub session_cache: SessionCache,
    /// Wakes the workers when a tenant has a new message in its outbox.
    pub notifier: Notifier,
    pub hasher: Hasher,
    /// Where uploaded files wait for their import.
    pub uploads: UploadSpace,
    /// Slows guesses down.
    pub throttle: Throttle,
    /// The operator's rule for new accounts.
    pub sign_up: Arc<SignUpPolicy>,
}
