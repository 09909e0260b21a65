//! What handlers share: made once at start, handed to each as `web::Data`.

use actix_web::cookie::Key;
use actix_web::web::Data;

use super::graceful_shutdown::Departure;
use super::site::Site;
use crate::auth::InvitationToken;
use crate::metrics::Metrics;
use crate::services::Services;

/// The application's shared state.
pub struct Context {
    pub services: Services,
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
