//! The lease of an import: one row for each user who imports, so that a user runs one import at a time over
//! all web processes. It expires, so the user may import again soon after a process died.

use crate::db::{DbError, Statement, TenantHandle, values};
use crate::domain::UserId;

/// How long a lease is valid without a renewal, as an interval of PostgreSQL.
const VALID: &str = "90 seconds";

// The times are computed in VALUES, because Citus admits only immutable functions in the WHERE of ON
// CONFLICT.
static TAKE: Statement = Statement::writing(
    "INSERT INTO import_leases AS lease (tenant_id, user_id, holder, taken_at, expires_at)
     VALUES ($1, $2, $3, now(), now() + $4::text::interval)
     ON CONFLICT (tenant_id, user_id) DO UPDATE
     SET holder = excluded.holder, taken_at = excluded.taken_at, expires_at = excluded.expires_at
     WHERE lease.expires_at < excluded.taken_at
     RETURNING lease.holder",
);
static RENEW: Statement = Statement::writing(
    "UPDATE import_leases SET expires_at = now() + $4::text::interval
     WHERE tenant_id = $1 AND user_id = $2 AND holder = $3 RETURNING holder",
);
static RELEASE: Statement =
    Statement::writing("DELETE FROM import_leases WHERE tenant_id = $1 AND user_id = $2 AND holder = $3");

pub(super) static ALL: &[&Statement] = &[&TAKE, &RENEW, &RELEASE];

impl TenantHandle {
    /// Takes the user's lease for `holder`, a random number; false while another holder has it.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn take_import_lease(&self, user: UserId, holder: i64) -> Result<bool, DbError> {
        self.transaction(TAKE.any(values![user, holder, VALID])).await
    }

    /// Renews the lease; false when another holder has it by now.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn renew_import_lease(&self, user: UserId, holder: i64) -> Result<bool, DbError> {
        self.transaction(RENEW.any(values![user, holder, VALID])).await
    }

    /// Gives the lease back, if `holder` still has it.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn release_import_lease(&self, user: UserId, holder: i64) -> Result<(), DbError> {
        self.transaction(RELEASE.run(values![user, holder])).await
    }
}
