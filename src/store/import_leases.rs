//! The lease of an import: one row for each user who imports, so that a user runs one import at a time over
//! all web processes, and a tenant as many as it may. It expires, so the user may import again soon after a
//! process died.

use super::limits::allowed;
use crate::db::{DbError, Statement, TenantHandle, values};
use crate::domain::{Limit, UserId};

/// How long a lease is valid without a renewal, as an interval of PostgreSQL.
const VALID: &str = "90 seconds";

// The leases of a tenant are taken one after the other, so that the next statement counts them all.
static LOCK_TENANT: Statement = Statement::writing(
    "SELECT u.user_id FROM {tenant_usage} u WHERE u.tenant_id = $1 AND u.user_id = 0 FOR UPDATE",
);
// The database refuses the transaction if others have as many as allowed (`V14__imports_of_a_tenant.sql`).
static LEAVE_ROOM: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET imports_room = ",
    allowed!("imports", "$3"),
    " - 1 - (SELECT count(*) FROM {import_leases} l
        WHERE l.tenant_id = $1 AND l.user_id <> $2::bigint AND l.expires_at > now())
     WHERE u.tenant_id = $1 AND u.user_id = 0"
));
// The times are computed in VALUES, because Citus admits only immutable functions in the WHERE of ON
// CONFLICT.
static TAKE: Statement = Statement::writing(
    "INSERT INTO {import_leases} AS lease (tenant_id, user_id, holder, taken_at, expires_at)
     VALUES ($1, $2, $3, now(), now() + $4::text::interval)
     ON CONFLICT (tenant_id, user_id) DO UPDATE
     SET holder = excluded.holder, taken_at = excluded.taken_at, expires_at = excluded.expires_at
     WHERE lease.expires_at < excluded.taken_at
     RETURNING lease.holder",
);
static RENEW: Statement = Statement::writing(
    "UPDATE {import_leases} SET expires_at = now() + $4::text::interval
     WHERE tenant_id = $1 AND user_id = $2 AND holder = $3 RETURNING holder",
);
static RELEASE: Statement =
    Statement::writing("DELETE FROM {import_leases} WHERE tenant_id = $1 AND user_id = $2 AND holder = $3");

pub(super) static ALL: &[&Statement] = &[&LOCK_TENANT, &LEAVE_ROOM, &TAKE, &RENEW, &RELEASE];

impl TenantHandle {
    /// Takes the user's lease for `holder`, a random number; false while another holder has it.
    ///
    /// # Errors
    /// [`DbError`] of the transaction; [`DbError::LimitReached`] while other users of the tenant run as many
    /// imports as it may.
    pub async fn take_import_lease(&self, user: UserId, holder: i64) -> Result<bool, DbError> {
        let allowed = self.default_limits().stored(Limit::Imports);
        let ((), (), taken) = self
            .transaction((
                LOCK_TENANT.run(values![]),
                LEAVE_ROOM.run(values![user, allowed]),
                TAKE.any(values![user, holder, VALID]),
            ))
            .await?;
        Ok(taken)
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
