//! The users of a tenant.

use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{Role, UserId};

static ACCOUNT: Statement = Statement::reading(
    "SELECT u.username, u.email, u.password, u.role, t.name
     FROM {shared.users} u JOIN {shared.tenants} t ON t.id = u.tenant_id
     WHERE u.tenant_id = $1 AND u.id = $2 AND u.removed_at IS NULL AND (t.delete_after IS NULL
     OR t.delete_after > now())",
);
static REPLACE_PASSWORD: Statement = Statement::writing(
    "UPDATE {shared.users} SET password = $4 WHERE tenant_id = $1 AND id = $2 AND password = $3 RETURNING id",
);

pub(super) static ALL: &[&Statement] = &[&ACCOUNT, &REPLACE_PASSWORD];

/// A user, with the hash that checks the password.
pub struct UserAccount {
    pub username: String,
    /// As the user typed it.
    pub email: Option<String>,
    pub password_hash: String,
    pub role: Role,
    pub tenant_name: String,
}

impl FromRow for UserAccount {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            username: row.read(),
            email: row.read(),
            password_hash: row.read(),
            role: row.read(),
            tenant_name: row.read(),
        }
    }
}

/// A user of the tenant; none for a user who left, or whose tenant is deleted.
pub(super) fn account<'a>(user: UserId) -> Step<'a, Option<UserAccount>> {
    ACCOUNT.first(values![user])
}

/// Replaces the hash of a password unless it has changed, and tells whether it did.
pub(super) fn replace_password<'a>(user: UserId, old_hash: &'a str, new_hash: &'a str) -> Step<'a, bool> {
    REPLACE_PASSWORD.any(values![user, old_hash, new_hash])
}

impl TenantHandle {
    /// A user of this tenant; none for a user who left, or whose tenant is deleted.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn account(&self, user: UserId) -> Result<Option<UserAccount>, DbError> {
        self.transaction(account(user)).await
    }

    /// Replaces a hash by one of the same password at the current cost, unless the password was changed
    /// meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn rehash(&self, user: UserId, old_hash: &str, new_hash: &str) -> Result<(), DbError> {
        self.transaction(replace_password(user, old_hash, new_hash)).await.map(drop)
    }
}
