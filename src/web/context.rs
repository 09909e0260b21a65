//! The state that handlers share: made once at start, given to each as `web::Data`.

use std::sync::Arc;

use actix_web::web::Data;

use super::connections::Connections;
use super::cookie::CookieKeys;
use super::graceful_shutdown::RequestDrain;
use super::memory_budget::MemoryBudget;
use super::request_rate::RequestRates;
use super::site::Site;
use crate::auth::InvitationToken;
use crate::metrics::Metrics;
use crate::services::Services;

/// The application's shared state.
pub struct Context {
    pub services: Services,
    pub metrics: Metrics,
    pub drain: RequestDrain,
    pub rates: RequestRates,
    pub connections: Arc<Connections>,
    /// The bytes on the disk that uploads may hold.
    pub upload_budget: Arc<MemoryBudget>,
    pub site: Data<Site>,
    pub cookies: CookieKeys,
}

impl Context {
    /// The URL at which the invited person opens an invitation.
    pub fn invitation_link(&self, token: &InvitationToken) -> String {
        format!("{}/invitations/{}", self.site.first_origin(), token.expose())
    }
}
