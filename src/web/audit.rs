//! The security log: who did what from where, a line each, with the number of the request (OWASP ASVS 5.0,
//! 16.3).

use std::fmt;

use actix_web::{HttpMessage, HttpRequest};

use crate::db::TenantHandle;
use crate::domain::{TenantId, UserId};

/// The number of a request, which its answer and every line of the log about it carry.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Whom an event is about.
pub enum Subject<'a> {
    /// A user who is known.
    User(TenantId, UserId),
    /// A name that was typed, by anybody.
    Typed(&'a str),
}

impl Subject<'_> {
    /// The user of a handle.
    pub fn of(tenant: &TenantHandle, user: UserId) -> Self {
        Self::User(tenant.tenant(), user)
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(tenant, user) => write!(f, "tenant {tenant}, user {user}"),
            // Quoted and escaped, so that nobody writes lines of their own into the log.
            Self::Typed(name) => write!(f, "name {:?}", name.chars().take(100).collect::<String>()),
        }
    }
}

/// Writes an event down.
pub fn record(request: &HttpRequest, event: &str, subject: &Subject<'_>) {
    let address =
        request.peer_addr().map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string());
    let number = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    log::info!(target: "security", "{event}: {subject}, address {address}, request {number}");
}
