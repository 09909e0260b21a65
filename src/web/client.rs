//! The client of a request and the user who acts, as the operations of `services` take them.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{HttpMessage, HttpRequest};

use super::client_address::ClientAddress;
use super::current_user::CurrentUser;
use super::user_agent::user_agent;
use crate::services::{Actor, Client};

/// The client that sent `request`.
pub fn client(request: &HttpRequest) -> Client {
    Client { address: address_of(request), user_agent: user_agent(request) }
}

/// The address that the request guard found.
fn address_of(request: &HttpRequest) -> IpAddr {
    let found = request.extensions().get::<ClientAddress>().map(|address| address.0);
    found.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

impl CurrentUser {
    /// The user, as services take the author of a change that `request` makes.
    pub fn actor(&self, request: &HttpRequest) -> Actor<'_> {
        Actor { tenant: &self.tenant, session: &self.session, client: client(request) }
    }
}
