//! The security log: one line for each event, with the subject and the client's address (OWASP ASVS 5.0,
//! 16.3). The id of the request ends the line, as every line of a request (`log_context`).

use std::fmt;

use super::client::Client;
use crate::domain::{TenantId, UserId};

/// The user that an event is about.
pub enum Subject<'a> {
    /// A user who exists.
    User(TenantId, UserId),
    /// A name that was typed to log in.
    TypedName(&'a str),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(tenant, user) => write!(f, "tenant {tenant}, user {user}"),
            // Quoted and escaped, so that a typed name cannot forge a line of the log.
            Self::TypedName(name) => write!(f, "name {:?}", name.chars().take(100).collect::<String>()),
        }
    }
}

/// Writes an event to the security log.
pub fn record(client: &Client, event: &str, subject: &Subject<'_>) {
    log::info!(target: "security", "{event}: {subject}, address {}", client.address);
}
