//! A site: the application or the operator's console. Both have the same request guard, which reads from the
//! site what differs.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;

use super::memory_budget::MemoryBudget;
use super::request_info::RequestInfo;
use crate::settings::Networks;

/// What the request guard knows of a site.
pub struct Site {
    /// The origins of the site's own pages.
    pub origins: BTreeSet<String>,
    /// Whether browsers reach it over TLS only.
    pub tls_only: bool,
    /// The networks of the proxies whose word for a client's address counts.
    pub trusted_proxies: Networks,
    /// The bytes that bodies may hold.
    pub budget: Arc<MemoryBudget>,
    /// Whether a request may name any host: health checks call a process by its address.
    pub allows_any_host: fn(&ServiceRequest) -> bool,
    /// Adds the body to an error response.
    pub add_error_body: fn(HttpResponse<BoxBody>, &RequestInfo) -> HttpResponse<BoxBody>,
}

impl Site {
    /// The origin for examples and links.
    pub fn first_origin(&self) -> &str {
        self.origins
            .iter()
            .find(|origin| origin.contains("localhost"))
            .or(self.origins.first())
            .map_or("", String::as_str)
    }

    /// Whether `host`, a Host header, is an origin of the site or this machine by a loopback name.
    pub fn answers_for(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| known.eq_ignore_ascii_case(name));
        local || self.origins.iter().any(|origin| is_authority_of(origin, name, port))
    }
}

/// Whether `name` and `port` are those of an origin. A port that is missing or empty is the default port of
/// the origin's scheme (RFC 9110, 4.2.3; RFC 3986, 6.2.3).
fn is_authority_of(origin: &str, name: &str, port: Option<u16>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let Some((own_name, own_port)) = split(authority) else { return false };
    let default = if scheme == "https" { 443 } else { 80 };
    own_name.eq_ignore_ascii_case(name) && own_port.unwrap_or(default) == port.unwrap_or(default)
}

/// The name and the port of `name`, `name:` or `name:port`; none where the port is no number of a port.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    // An IPv6 address has colons of its own, inside brackets.
    match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        None => Some((authority, None)),
        Some((name, "")) => Some((name, None)),
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((name, Some(port.parse().ok()?)))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(origins: &[&str]) -> Site {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Site {
            origins,
            tls_only: false,
            trusted_proxies: Networks::default(),
            budget: MemoryBudget::new(1 << 20),
            allows_any_host: |_| false,
            add_error_body: super::super::error_response::add_error_body,
        }
    }

    #[test]
    fn the_default_port_may_be_named_left_out_or_empty() {
        let site = site(&[
            "https://notes.example.org",
            "http://plain.example.org",
            "https://odd.example.org:8443",
            "https://[2001:db8::1]",
        ]);
        for host in [
            "notes.example.org",
            "notes.example.org:",
            "notes.example.org:443",
            "NOTES.example.ORG:443",
            "plain.example.org:80",
            "plain.example.org:",
            "odd.example.org:8443",
            "[2001:db8::1]",
            "[2001:DB8::1]:443",
            "localhost",
            "localhost:",
            "localhost:7777",
            "[::1]:5000",
        ] {
            assert!(site.answers_for(host), "{host}");
        }
        for host in [
            "",
            ":",
            ":443",
            "notes.example.org:80",
            "notes.example.org:4430",
            "notes.example.org:443:443",
            "notes.example.org::443",
            "notes.example.org:+443",
            "notes.example.org:66979",
            "notes.example.org:x",
            "plain.example.org:443",
            "odd.example.org",
            "odd.example.org:",
            "odd.example.org:443",
            "evil.test:443",
            "evil.test",
            "notes.example.org.evil.test:443",
            "notes.example.org@evil.test:443",
            "x@notes.example.org:443",
            "2001:db8::1",
            "localhost:x",
        ] {
            assert!(!site.answers_for(host), "{host}");
        }
    }
}
