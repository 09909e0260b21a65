//! The settings of a tenant, which people call an organization, and its deletion.

use chrono::{DateTime, Utc};

use super::audit;
use super::{Actor, ServiceError, Services};
use crate::domain::TenantName;
use crate::store::{ByOwner, SettingsChange};

/// Why other roles change nothing here.
pub const FOR_OWNERS: &str = "This is for the owners of the organization.";

/// Sets the name, and whether people may join without an invitation.
///
/// # Errors
/// [`ServiceError::Forbidden`] for an actor who is no owner, and [`ServiceError::Database`].
pub async fn update(
    services: &Services,
    actor: &Actor<'_>,
    name: &TenantName,
    open: bool,
) -> Result<SettingsChange, ServiceError> {
    let change = permitted(actor.tenant.change_settings(actor.user(), name, open).await?)?;
    if change != SettingsChange::NameTaken {
        record(services, actor, "changed the organization");
    }
    Ok(change)
}

/// Schedules the deletion of the tenant that has this name, and returns its time; none when the actor's
/// tenant has another name.
///
/// # Errors
/// [`ServiceError::Forbidden`] for an actor who is no owner, and [`ServiceError::Database`].
pub async fn schedule_deletion(
    services: &Services,
    actor: &Actor<'_>,
    name: &TenantName,
) -> Result<Option<DateTime<Utc>>, ServiceError> {
    let time = permitted(actor.tenant.schedule_deletion(actor.user(), name).await?)?;
    if time.is_some() {
        record(services, actor, "asked for the organization's end");
    }
    Ok(time)
}

/// Cancels the scheduled deletion.
///
/// # Errors
/// [`ServiceError::Forbidden`] for an actor who is no owner, and [`ServiceError::Database`].
pub async fn cancel_deletion(services: &Services, actor: &Actor<'_>) -> Result<(), ServiceError> {
    permitted(actor.tenant.cancel_deletion(actor.user()).await?)?;
    record(services, actor, "called the organization's end off");
    Ok(())
}

fn permitted<T>(result: ByOwner<T>) -> Result<T, ServiceError> {
    match result {
        ByOwner::Done(value) => Ok(value),
        ByOwner::NotAnOwner => Err(ServiceError::Forbidden(FOR_OWNERS)),
    }
}

/// Sessions carry the tenant's name and the time of its deletion, so every change clears the cache.
fn record(services: &Services, actor: &Actor<'_>, event: &str) {
    services.session_cache.forget_all();
    audit::record(&actor.client, event, &actor.subject());
}
