//! A site of ours: the application, or the operator's console. The edge is the same for both and asks the site for what differs.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;

use super::face::Asked;

/// What the edge has to know.
pub struct Site {
    /// The origins of its own pages.
    pub origins: BTreeSet<String>,
    /// Whether it is for TLS only.
    pub tls_only: bool,
    /// Whether a request may name any host, such as one of somebody who watches this process by its address.
    pub takes_any_host: fn(&ServiceRequest) -> bool,
    /// Gives an error response its body.
    pub dress: fn(HttpResponse<BoxBody>, &Asked) -> HttpResponse<BoxBody>,
}

impl Site {
    /// The origin to show in examples.
    pub fn first_origin(&self) -> &str {
        self.origins.iter().find(|origin| origin.contains("localhost")).or(self.origins.first()).map_or("", String::as_str)
    }

    /// Whether `host`, a Host header, is one that we answer for: an origin of ours, or this machine by name.
    pub fn answers_for(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
        let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| known.eq_ignore_ascii_case(name));
        local
            || self.origins.iter().any(|origin| origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)))
    }
}
