//! The tenant itself: its name, who may join, and its deletion. The table is small, so every node has it.

use chrono::{DateTime, Utc};

use crate::db::{DbError, FromRow, RowReader, Statement, TenantHandle, values};
use crate::domain::TenantName;

static SETTINGS: Statement =
    Statement::reading("SELECT name, join_policy, delete_after FROM {shared.tenants} WHERE id = $1");
static CHANGE: Statement = Statement::writing(
    "UPDATE shared.tenants SET name = $2, name_key = $3, join_policy = $4 WHERE id = $1 RETURNING id",
);
static SCHEDULE_DELETION: Statement = Statement::writing(
    "UPDATE shared.tenants SET delete_after = now() + interval '7 days' WHERE id = $1 AND name_key = $2 \
     AND delete_after IS NULL",
);
static DELETION_BY_NAME: Statement =
    Statement::reading("SELECT delete_after FROM {shared.tenants} WHERE id = $1 AND name_key = $2");
static CANCEL_DELETION: Statement = Statement::writing(
    "UPDATE shared.tenants SET delete_after = NULL WHERE id = $1 AND delete_after > now() RETURNING id",
);

pub(super) static ALL: &[&Statement] =
    &[&SETTINGS, &CHANGE, &SCHEDULE_DELETION, &DELETION_BY_NAME, &CANCEL_DELETION];

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

impl TenantHandle {
    /// The settings of the tenant.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn settings(&self) -> Result<Option<TenantSettings>, DbError> {
        self.transaction(SETTINGS.first(values![])).await
    }

    /// Sets the name, and whether everybody may join.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn change_settings(&self, name: &TenantName, open: bool) -> Result<SettingsChange, DbError> {
        let policy = if open { "open" } else { "invite" };
        match self.transaction(CHANGE.run(values![name.shown(), name.key(), policy])).await {
            Ok(()) => Ok(SettingsChange::Saved),
            Err(DbError::Taken(_)) => Ok(SettingsChange::NameTaken),
            Err(error) => Err(error),
        }
    }

    /// Schedules the removal of all rows of the tenant in seven days, if `name` is its name. Gives the time;
    /// an earlier schedule stays.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn schedule_deletion(&self, name: &TenantName) -> Result<Option<DateTime<Utc>>, DbError> {
        let ((), delete_after) = self
            .transaction((
                SCHEDULE_DELETION.run(values![name.key()]),
                DELETION_BY_NAME.first::<Option<_>>(values![name.key()]),
            ))
            .await?;
        Ok(delete_after.flatten())
    }

    /// Cancels the deletion, unless its time has come, and tells whether it did.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn cancel_deletion(&self) -> Result<bool, DbError> {
        self.transaction(CANCEL_DELETION.any(values![])).await
    }
}
