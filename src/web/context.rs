//! What handlers share: made once at start, handed to each as `web::Data`.

use std::collections::BTreeSet;

use actix_web::cookie::Key;

use crate::auth::{Hasher, InvitationToken, SessionCache};
use crate::db::Database;
use crate::messaging::Messenger;
use crate::metrics::Metrics;

/// The application's shared state.
pub struct Context {
    /// The database.
    pub database: Database,
    /// Sessions that were looked up a moment ago.
    pub sessions: SessionCache,
    /// Told when a message was written.
    pub messenger: Messenger,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// What is counted of requests.
    pub metrics: Metrics,
    /// The origins of our own pages.
    pub origins: BTreeSet<String>,
    /// The key of the cookies.
    pub key: Key,
    /// The key before that, whose cookies are still read.
    pub previous_key: Option<Key>,
    /// Whether cookies are for TLS only and weak settings were refused.
    pub production: bool,
}

impl Context {
    /// The origin to show in examples.
    pub fn first_origin(&self) -> &str {
        self.origins.iter().find(|origin| origin.contains("localhost")).or(self.origins.first()).map_or("", String::as_str)
    }

    /// Where people open an invitation.
    pub fn invitation_link(&self, token: &InvitationToken) -> String {
        format!("{}/invitations/{}", self.first_origin(), token.expose())
    }

    /// Whether `host`, a Host header, is one that we answer for: an origin of ours, or this machine by name.
    pub fn answers_for(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
        let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| known.eq_ignore_ascii_case(name));
        local
            || self.origins.iter().any(|origin| origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)))
    }
}
