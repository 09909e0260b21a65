//! The tenant itself: its name, who may join, and its end. The table is small and on every node.

use chrono::{DateTime, Utc};

use crate::db::{DbError, Statement, Step, TenantHandle};
use crate::domain::TenantName;

const SETTINGS: Statement =
    Statement::new("SELECT name, join_policy, delete_after FROM shared.tenants WHERE id = $1");
const CHANGE: Statement = Statement::new(
    "UPDATE shared.tenants SET name = $2, name_key = $3, join_policy = $4 WHERE id = $1 RETURNING id",
);
const SCHEDULE_END: Statement = Statement::new(
    "UPDATE shared.tenants SET delete_after = now() + interval '7 days' WHERE id = $1 AND name_key = $2 \
     AND delete_after IS NULL",
);
const END_BY_NAME: Statement =
    Statement::new("SELECT delete_after FROM shared.tenants WHERE id = $1 AND name_key = $2");
const CALL_END_OFF: Statement = Statement::new(
    "UPDATE shared.tenants SET delete_after = NULL WHERE id = $1 AND delete_after > now() RETURNING id",
);

pub(super) const ALL: &[&Statement] = &[&SETTINGS, &CHANGE, &SCHEDULE_END, &END_BY_NAME, &CALL_END_OFF];

/// What the owners of a tenant set.
pub struct TenantSettings {
    /// Its name.
    pub name: String,
    /// Whether anybody may join who knows the name.
    pub open: bool,
    /// When its rows are removed, if that was asked for.
    pub delete_after: Option<DateTime<Utc>>,
}

/// Whether a change of the name came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renaming {
    /// It did.
    Done,
    /// Another tenant has that name.
    Taken,
}

impl TenantHandle {
    /// What the owners have set.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn settings(&self) -> Result<Option<TenantSettings>, DbError> {
        let row = self.row(&SETTINGS, &[&self.tenant().number()]).await?;
        Ok(row.map(|row| TenantSettings {
            name: row.get(0),
            open: row.get::<&str>(1) == "open",
            delete_after: row.get(2),
        }))
    }

    /// Sets the name and who may join.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn change_settings(&self, name: &TenantName, open: bool) -> Result<Renaming, DbError> {
        let policy = if open { "open" } else { "invite" };
        match self.row(&CHANGE, &[&self.tenant().number(), &name.shown(), &name.key(), &policy]).await {
            Ok(_) => Ok(Renaming::Done),
            Err(DbError::Taken(_)) => Ok(Renaming::Taken),
            Err(error) => Err(error),
        }
    }

    /// Has all rows of the tenant removed in seven days, when `name` is its name; a date that was set before
    /// stays.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn schedule_end(&self, name: &TenantName) -> Result<Option<DateTime<Utc>>, DbError> {
        let (tenant, key) = (self.tenant().number(), name.key());
        let results = self
            .transaction(&[
                Step { statement: &SCHEDULE_END, values: &[&tenant, &key] },
                Step { statement: &END_BY_NAME, values: &[&tenant, &key] },
            ])
            .await?;
        Ok(results.last().and_then(|rows| rows.first()).and_then(|row| row.get(0)))
    }

    /// Takes that back, as long as the time has not come.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn call_end_off(&self) -> Result<bool, DbError> {
        Ok(self.row(&CALL_END_OFF, &[&self.tenant().number()]).await?.is_some())
    }
}
