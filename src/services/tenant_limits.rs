//! The limits of single tenants as an operator works on them. The console and `pigeonhole limits` do it by
//! this type, and write down in the operators' events what they changed.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config};

use crate::db::{ConnectError, connect_as_owner};
use crate::domain::{Limit, LimitOverrides, UsageLimits};
use crate::store::{self, TenantReport, TenantUsage};

/// A connection as the owner of the tables.
pub struct TenantLimits {
    client: Client,
    timeout: Duration,
}

/// Why an operator's work on limits failed.
#[derive(Debug, thiserror::Error)]
pub enum TenantLimitsError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the database refused it: {0}")]
    Refused(#[from] tokio_postgres::Error),
    #[error("there was no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("there is no tenant {0}")]
    NoSuchTenant(i64),
}

impl TenantLimits {
    /// Connects as the owner of the tables; each call takes at most `timeout`.
    ///
    /// # Errors
    /// When there is no session within 5 seconds, or the user of `config` may not take that role.
    pub async fn connect(config: &Config, timeout: Duration) -> Result<Self, TenantLimitsError> {
        Ok(Self { client: connect_as_owner(config).await?, timeout })
    }

    /// What a tenant uses, and what is set for it.
    ///
    /// # Errors
    /// See [`TenantLimitsError`].
    pub async fn report(&self, tenant: i64) -> Result<TenantReport, TenantLimitsError> {
        let report = self.within(store::tenant_report(&self.client, tenant)).await?;
        report.ok_or(TenantLimitsError::NoSuchTenant(tenant))
    }

    /// Sets what an operator allows a tenant, in place of what was set before. Processes follow within
    /// a second.
    ///
    /// # Errors
    /// See [`TenantLimitsError`].
    pub async fn set(&self, tenant: i64, overrides: &LimitOverrides) -> Result<(), TenantLimitsError> {
        self.report(tenant).await?;
        self.within(store::set_overrides(&self.client, tenant, overrides)).await
    }

    /// The numbers of all tenants.
    ///
    /// # Errors
    /// See [`TenantLimitsError`].
    pub async fn tenants(&self) -> Result<Vec<i64>, TenantLimitsError> {
        self.within(store::tenant_numbers(&self.client)).await
    }

    /// Counts what a tenant uses anew, while the tenant's writes wait. It takes as long as reading all texts
    /// of the tenant.
    ///
    /// # Errors
    /// See [`TenantLimitsError`].
    pub async fn recount(&mut self, tenant: i64) -> Result<TenantReport, TenantLimitsError> {
        store::recount(&mut self.client, tenant).await?;
        self.report(tenant).await
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, TenantLimitsError> {
        Ok(timeout(self.timeout, work).await.map_err(|_| TenantLimitsError::TimedOut(self.timeout))??)
    }
}

/// One limit of a tenant, for an operator.
pub struct LimitLine {
    pub limit: Limit,
    /// What the tenant uses, where that is counted for the tenant.
    pub used: Option<i64>,
    /// What an operator set: none where the setting holds, 0 for no limit.
    pub set: Option<i64>,
    /// The setting; none for no limit.
    pub setting: Option<i64>,
}

impl LimitLine {
    /// The lines of a tenant, in the order of [`Limit::ALL`].
    pub fn of(report: &TenantReport, settings: &UsageLimits) -> Vec<Self> {
        let line = |limit| Self {
            limit,
            used: used(&report.usage, limit),
            set: report.overrides.get(limit),
            setting: settings.get(limit),
        };
        Limit::ALL.into_iter().map(line).collect()
    }

    /// What holds; none for no limit.
    pub fn allowed(&self) -> Option<i64> {
        self.set.map_or(self.setting, |set| Some(set).filter(|amount| *amount > 0))
    }
}

fn used(usage: &TenantUsage, limit: Limit) -> Option<i64> {
    match limit {
        Limit::Members => Some(usage.members),
        Limit::Notes => Some(usage.notes),
        Limit::Bytes => Some(usage.bytes),
        _ => None,
    }
}
