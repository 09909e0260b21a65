//! The login directory: which users of which tenants a name or e-mail belongs to.

use crate::db::{DbError, DirectoryHandle, Statement};
use crate::domain::{Identifier, TenantId, TenantName, UserId};

/// The most accounts that one login tries, and so the most hashes that it costs.
pub const LIMIT: usize = 5;

// One row more than is tried tells that there are too many.
const BY_IDENTIFIER: Statement = Statement::new(
    "SELECT tenant_id, user_id FROM logins WHERE identifier_hash = $1 ORDER BY tenant_id, user_id LIMIT 6",
);
const BY_IDENTIFIER_AND_TENANT_NAME: Statement = Statement::new(
    "SELECT l.tenant_id, l.user_id FROM logins l JOIN shared.tenants t ON t.id = l.tenant_id
     WHERE l.identifier_hash = $1 AND t.name_key = $2 ORDER BY l.tenant_id, l.user_id LIMIT 6",
);
const BY_IDENTIFIER_AND_TENANT: Statement = Statement::new(
    "SELECT tenant_id, user_id FROM logins WHERE identifier_hash = $1 AND tenant_id = $2 \
     ORDER BY user_id LIMIT 6",
);

/// An account that may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its tenant.
    pub tenant: TenantId,
    /// The user there.
    pub user: UserId,
}

impl Candidate {
    /// An account that a login of this server found before, out of a ticket that only this server can have
    /// sealed.
    pub(crate) fn from_ticket((tenant, user): (i64, i64)) -> Self {
        Self { tenant: TenantId::from_row(tenant), user: UserId::from_row(user) }
    }
}

impl DirectoryHandle {
    /// The accounts that log in with `identifier`, at most one more than [`LIMIT`]; narrowed to a tenant by
    /// its name or its number.
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
        let rows = self
            .run(async |client| {
                let rows = match (tenant, tenant_name) {
                    (Some(tenant), _) => {
                        client
                            .query(
                                &client.prepare_cached(BY_IDENTIFIER_AND_TENANT.sql).await?,
                                &[&hash, &tenant],
                            )
                            .await?
                    }
                    (None, Some(name)) => {
                        client
                            .query(
                                &client.prepare_cached(BY_IDENTIFIER_AND_TENANT_NAME.sql).await?,
                                &[&hash, &name.key()],
                            )
                            .await?
                    }
                    (None, None) => {
                        client.query(&client.prepare_cached(BY_IDENTIFIER.sql).await?, &[&hash]).await?
                    }
                };
                Ok(rows)
            })
            .await?;
        Ok(rows
            .iter()
            .map(|row| Candidate {
                tenant: TenantId::from_row(row.get(0)),
                user: UserId::from_row(row.get(1)),
            })
            .collect())
    }
}
