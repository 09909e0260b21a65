//! The client of a request and the user who acts, as the operations of `services` take them.

use actix_web::HttpRequest;

use super::client_address::client_address_of;
use super::current_user::CurrentUser;
use super::user_agent::user_agent;
use crate::services::{Actor, Client};

/// The client that sent `request`.
pub fn client(request: &HttpRequest) -> Client {
    Client { address: client_address_of(request), user_agent: user_agent(request) }
}

impl CurrentUser {
    /// The user, as services take the author of a change that `request` makes.
    pub fn actor(&self, request: &HttpRequest) -> Actor<'_> {
        Actor { tenant: &self.tenant, session: &self.session, client: client(request) }
    }
}
