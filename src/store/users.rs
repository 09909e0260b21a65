//! People of a tenant.

use crate::db::{DbError, Row, Statement, TenantHandle};
use crate::domain::{Role, UserId};

pub(super) const ACCOUNT: Statement = Statement::new(
    "SELECT u.username, u.email, u.password, u.role, t.name
     FROM shared.users u JOIN shared.tenants t ON t.id = u.tenant_id
     WHERE u.tenant_id = $1 AND u.id = $2 AND u.removed_at IS NULL AND (t.delete_after IS NULL
     OR t.delete_after > now())",
);
pub(super) const REPLACE_PASSWORD: Statement = Statement::new(
    "UPDATE shared.users SET password = $4 WHERE tenant_id = $1 AND id = $2 AND password = $3 RETURNING id",
);

pub(super) const ALL: &[&Statement] = &[&ACCOUNT, &REPLACE_PASSWORD];

/// A user with what is needed to check a password.
pub struct Account {
    /// As it is shown.
    pub username: String,
    /// As it was typed, if it was.
    pub email: Option<String>,
    /// The stored hash.
    pub password_hash: String,
    /// What the user may do.
    pub role: Role,
    /// The name of the tenant.
    pub tenant_name: String,
}

impl Account {
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            username: row.get(0),
            email: row.get(1),
            password_hash: row.get(2),
            role: Role::from_row(row.get(3)),
            tenant_name: row.get(4),
        }
    }
}

impl TenantHandle {
    /// A user of this tenant; none when there is no such user, or none any more.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, DbError> {
        let row = self.row(&ACCOUNT, &[&self.tenant().number(), &user.number()]).await?;
        Ok(row.as_ref().map(Account::from_row))
    }

    /// Replaces a stored hash by one of the same password at today's cost, unless it changed meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn rehash(&self, user: UserId, old_hash: &str, new_hash: &str) -> Result<(), DbError> {
        self.row(&REPLACE_PASSWORD, &[&self.tenant().number(), &user.number(), &old_hash, &new_hash])
            .await
            .map(drop)
    }
}
