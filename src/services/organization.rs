//! The settings of a tenant, which people call an organization, and its deletion.

use chrono::{DateTime, Utc};

use super::audit;
use super::{Actor, Services};
use crate::db::DbError;
use crate::domain::TenantName;
use crate::store::SettingsChange;

/// Sets the name, and whether people may join without an invitation.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn update(
    services: &Services,
    actor: &Actor<'_>,
    name: &TenantName,
    open: bool,
) -> Result<SettingsChange, DbError> {
    let change = actor.tenant.change_settings(name, open).await?;
    if change != SettingsChange::NameTaken {
        record(services, actor, "changed the organization");
    }
    Ok(change)
}

/// Schedules the deletion of the tenant that has this name, and returns its time; none when the actor's
/// tenant has another name.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn schedule_deletion(
    services: &Services,
    actor: &Actor<'_>,
    name: &TenantName,
) -> Result<Option<DateTime<Utc>>, DbError> {
    let time = actor.tenant.schedule_deletion(name).await?;
    if time.is_some() {
        record(services, actor, "asked for the organization's end");
    }
    Ok(time)
}

/// Cancels the scheduled deletion.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn cancel_deletion(services: &Services, actor: &Actor<'_>) -> Result<(), DbError> {
    actor.tenant.cancel_deletion().await?;
    record(services, actor, "called the organization's end off");
    Ok(())
}

/// Sessions carry the tenant's name and the time of its deletion, so every change clears the cache.
fn record(services: &Services, actor: &Actor<'_>, event: &str) {
    services.session_cache.forget_all();
    audit::record(&actor.client, event, &actor.subject());
}
