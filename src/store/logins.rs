//! The login directory: the users of all tenants by user name and e-mail.

use crate::db::{DbError, DirectoryHandle, FromRow, RowReader};
use crate::domain::{Identifier, TenantId, TenantName, UserId};

/// The most accounts whose password one login checks, and so the most hashes that it costs.
pub const LIMIT: usize = 5;

// Each statement reads one row more than the limit, which tells that there are too many.
const BY_IDENTIFIER: &str =
    "SELECT tenant_id, user_id FROM logins WHERE identifier_hash = $1 ORDER BY tenant_id, user_id LIMIT 6";
const BY_IDENTIFIER_AND_TENANT_NAME: &str =
    "SELECT l.tenant_id, l.user_id FROM logins l JOIN shared.tenants t ON t.id = l.tenant_id
     WHERE l.identifier_hash = $1 AND t.name_key = $2 ORDER BY l.tenant_id, l.user_id LIMIT 6";
const BY_IDENTIFIER_AND_TENANT: &str = "SELECT tenant_id, user_id FROM logins \
    WHERE identifier_hash = $1 AND tenant_id = $2 \
     ORDER BY user_id LIMIT 6";

/// An account that a login may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub tenant: TenantId,
    pub user: UserId,
}

impl Candidate {
    /// An account that an earlier login found, from a ticket that only this server can have sealed.
    #[allow(clippy::disallowed_methods, reason = "the seal of the ticket was checked")]
    pub(crate) fn from_ticket((tenant, user): (i64, i64)) -> Self {
        Self { tenant: TenantId::from_row(tenant), user: UserId::from_row(user) }
    }
}

impl FromRow for Candidate {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { tenant: row.read(), user: row.read() }
    }
}

impl DirectoryHandle {
    /// The accounts that log in with `identifier`, at most one more than [`LIMIT`]. A tenant's id or name
    /// restricts the search to that tenant.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn candidates(
        &self,
        identifier: &Identifier,
        tenant_name: Option<&TenantName>,
        tenant: Option<i64>,
    ) -> Result<Vec<Candidate>, DbError> {
        let hash = identifier.hash();
        match (tenant, tenant_name) {
            (Some(tenant), _) => self.rows(BY_IDENTIFIER_AND_TENANT, &[&hash, &tenant]).await,
            (None, Some(name)) => self.rows(BY_IDENTIFIER_AND_TENANT_NAME, &[&hash, &name.key()]).await,
            (None, None) => self.rows(BY_IDENTIFIER, &[&hash]).await,
        }
    }
}
