//! The tenant itself: its name, who may join, and its deletion. The table is small, so every node has it.

use chrono::{DateTime, Utc};

use crate::db::{DbError, FromRow, RowReader, Statement, Steps, TenantHandle, values};
use crate::domain::{TenantName, UserId};

// Of a change and a demotion at the same time, one waits for the other.
static LOCK_OWNER: Statement = Statement::writing(
    "SELECT id FROM {shared.users}
     WHERE tenant_id = $1 AND id = $2 AND role = 'owner' AND removed_at IS NULL FOR SHARE",
);
// Divides by zero, which ends the transaction, unless the actor is an owner. Citus refuses a condition on the
// users in the change itself: tenants are in a reference table, and users are not.
static REQUIRE_OWNER: Statement = Statement::writing(
    "SELECT 1 / count(*) FROM {shared.users}
     WHERE tenant_id = $1 AND id = $2 AND role = 'owner' AND removed_at IS NULL",
);
static SETTINGS: Statement =
    Statement::reading("SELECT name, join_policy, delete_after FROM {shared.tenants} WHERE id = $1");
static CHANGE: Statement = Statement::writing(
    "UPDATE {shared.tenants} SET name = $2, name_key = $3, join_policy = $4 WHERE id = $1 RETURNING id",
);
static SCHEDULE_DELETION: Statement = Statement::writing(
    "UPDATE {shared.tenants} SET delete_after = now() + interval '7 days' WHERE id = $1 AND name_key = $2 \
     AND delete_after IS NULL",
);
static DELETION_BY_NAME: Statement =
    Statement::reading("SELECT delete_after FROM {shared.tenants} WHERE id = $1 AND name_key = $2");
static CANCEL_DELETION: Statement = Statement::writing(
    "UPDATE {shared.tenants} SET delete_after = NULL WHERE id = $1 AND delete_after > now() RETURNING id",
);

pub(super) static ALL: &[&Statement] = &[
    &LOCK_OWNER,
    &REQUIRE_OWNER,
    &SETTINGS,
    &CHANGE,
    &SCHEDULE_DELETION,
    &DELETION_BY_NAME,
    &CANCEL_DELETION,
];

/// The settings of a tenant.
pub struct TenantSettings {
    pub name: String,
    /// Whether everybody who knows the name may join.
    pub open: bool,
    /// When its rows are removed, if its deletion is scheduled.
    pub delete_after: Option<DateTime<Utc>>,
}

impl FromRow for TenantSettings {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { name: row.read(), open: row.column::<&str>() == "open", delete_after: row.read() }
    }
}

/// The result of a change of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsChange {
    Saved,
    /// Another tenant has that name.
    NameTaken,
}

/// The result of what only an owner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByOwner<T> {
    Done(T),
    /// The actor is no owner, or no longer. Nothing was changed.
    NotAnOwner,
}

impl<T> ByOwner<T> {
    fn map<U>(self, convert: impl FnOnce(T) -> U) -> ByOwner<U> {
        match self {
            Self::Done(value) => ByOwner::Done(convert(value)),
            Self::NotAnOwner => ByOwner::NotAnOwner,
        }
    }
}

impl TenantHandle {
    /// The settings of the tenant.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn settings(&self) -> Result<Option<TenantSettings>, DbError> {
        self.transaction(SETTINGS.first(values![])).await
    }

    /// Sets the name, and whether everybody may join, if `actor` is an owner.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn change_settings(
        &self,
        actor: UserId,
        name: &TenantName,
        open: bool,
    ) -> Result<ByOwner<SettingsChange>, DbError> {
        let policy = if open { "open" } else { "invite" };
        match self.by_owner(actor, CHANGE.run(values![name.shown(), name.key(), policy])).await {
            Ok(changed) => Ok(changed.map(|()| SettingsChange::Saved)),
            Err(DbError::Taken(_)) => Ok(ByOwner::Done(SettingsChange::NameTaken)),
            Err(error) => Err(error),
        }
    }

    /// Schedules the removal of all rows of the tenant in seven days, if `actor` is an owner and `name` is
    /// its name. Gives the time; an earlier schedule stays.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn schedule_deletion(
        &self,
        actor: UserId,
        name: &TenantName,
    ) -> Result<ByOwner<Option<DateTime<Utc>>>, DbError> {
        let steps = (
            SCHEDULE_DELETION.run(values![name.key()]),
            DELETION_BY_NAME.first::<Option<_>>(values![name.key()]),
        );
        Ok(self.by_owner(actor, steps).await?.map(|((), delete_after)| delete_after.flatten()))
    }

    /// Cancels the deletion, if `actor` is an owner and its time has not come, and tells whether it did.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn cancel_deletion(&self, actor: UserId) -> Result<ByOwner<bool>, DbError> {
        self.by_owner(actor, CANCEL_DELETION.any(values![])).await
    }

    /// Runs the steps in a transaction that takes effect only if `actor` is an owner in it. A session that
    /// was read a moment ago may know of an older role.
    async fn by_owner<S: Steps>(&self, actor: UserId, steps: S) -> Result<ByOwner<S::Output>, DbError> {
        let checks = (LOCK_OWNER.run(values![actor]), REQUIRE_OWNER.run(values![actor]));
        match self.transaction((checks, steps)).await {
            Ok((_, done)) => Ok(ByOwner::Done(done)),
            Err(error) if error.is_division_by_zero() => Ok(ByOwner::NotAnOwner),
            Err(error) => Err(error),
        }
    }
}
