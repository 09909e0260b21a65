//! What handlers share: made once at start, handed to each as `web::Data`.

use actix_web::cookie::Key;
use actix_web::web::Data;

use super::graceful_shutdown::Departure;
use super::site::Site;
use crate::auth::{Hasher, InvitationToken, SessionCache};
use crate::db::Database;
use crate::messaging::Notifier;
use crate::metrics::Metrics;

/// The application's shared state.
pub struct Context {
    /// The database.
    pub database: Database,
    /// Sessions that were looked up a moment ago.
    pub sessions: SessionCache,
    /// Told when a message was written.
    pub messenger: Notifier,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// What is counted of requests.
    pub metrics: Metrics,
    /// The requests under way, and the end.
    pub departure: Departure,
    /// Whose pages these are.
    pub site: Data<Site>,
    /// The key of the cookies.
    pub key: Key,
    /// The key before that, whose cookies are still read.
    pub previous_key: Option<Key>,
}

impl Context {
    /// Where people open an invitation.
    pub fn invitation_link(&self, token: &InvitationToken) -> String {
        format!("{}/invitations/{}", self.site.first_origin(), token.expose())
    }
}
