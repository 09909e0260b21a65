//! The user for whom an operation runs, and the client that sent the request.

use super::audit::Subject;
use super::client::Client;
use crate::db::TenantHandle;
use crate::domain::UserId;
use crate::store::Session;

/// A logged-in user and the client that sent the user's request.
pub struct Actor<'a> {
    pub tenant: &'a TenantHandle,
    pub session: &'a Session,
    pub client: Client,
}

impl Actor<'_> {
    /// The user of the session.
    pub fn user(&self) -> UserId {
        self.session.user
    }

    /// The user as the subject of a line in the security log.
    pub fn subject(&self) -> Subject<'static> {
        Subject::User(self.tenant.tenant(), self.user())
    }
}
