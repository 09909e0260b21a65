//! The login directory: the users of all tenants by user name and e-mail.

use crate::db::{DbError, DirectoryHandle, FromRow, RowReader};
use crate::domain::{Identifier, TenantId, TenantName, UserId};

/// The stored hashes against which one login without an organization checks the password.
pub const TRIED_HASHES: usize = 3;

// An e-mail that its mailbox confirmed comes first, then the account that is here longest: numbers of users
// grow with time, across tenants. An account that is made later never takes the place of one before it.
const BY_IDENTIFIER: &str = "SELECT tenant_id, user_id FROM logins WHERE identifier_hash = $1 \
    ORDER BY confirmed_at IS NULL, user_id, tenant_id LIMIT 20";
const BY_IDENTIFIER_AND_TENANT_NAME: &str =
    "SELECT l.tenant_id, l.user_id FROM logins l JOIN shared.tenants t ON t.id = l.tenant_id
     WHERE l.identifier_hash = $1 AND t.name_key = $2 ORDER BY l.user_id LIMIT 20";
const BY_IDENTIFIER_AND_TENANT: &str = "SELECT tenant_id, user_id FROM logins \
    WHERE identifier_hash = $1 AND tenant_id = $2 ORDER BY user_id LIMIT 20";
const BY_IDENTIFIER_AND_TENANTS: &str = "SELECT tenant_id, user_id FROM logins \
    WHERE identifier_hash = $1 AND tenant_id = ANY($2::bigint[]) ORDER BY user_id LIMIT 20";

/// An account that a login may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub tenant: TenantId,
    pub user: UserId,
}

impl Candidate {
    /// An account that an earlier login found, from a ticket or cookie that only this server can have sealed.
    #[allow(clippy::disallowed_methods, reason = "the seal was checked")]
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
    /// The accounts that log in with `identifier`, at most 20, in the order in which a login tries them. A
    /// tenant's id or name restricts the search to that tenant.
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

    /// The accounts among `known` that log in with `identifier`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn known_candidates(
        &self,
        identifier: &Identifier,
        known: &[Candidate],
    ) -> Result<Vec<Candidate>, DbError> {
        let tenants: Vec<i64> = known.iter().map(|candidate| candidate.tenant.number()).collect();
        let found: Vec<Candidate> =
            self.rows(BY_IDENTIFIER_AND_TENANTS, &[&identifier.hash(), &tenants]).await?;
        Ok(found.into_iter().filter(|candidate| known.contains(candidate)).collect())
    }
}
