//! The members of a tenant: their roles, and their removal.

use super::audit::{self, Subject};
use super::{Actor, Services};
use crate::db::DbError;
use crate::domain::{Role, UserId};
use crate::store::Decision;

/// Gives a member another role, when the actor's role allows it.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn change_role(
    services: &Services,
    actor: &Actor<'_>,
    member: UserId,
    role: Role,
) -> Result<Decision, DbError> {
    let decision = actor.tenant.change_role(actor.user(), member, role).await?;
    if decision == Decision::Done {
        services.session_cache.forget_all();
        record(actor, &format!("made {}", role.as_str()), member);
    }
    Ok(decision)
}

/// Removes a member, when the actor's role allows it or the actor leaves. The member's sessions end, and the
/// member's notes stay.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn remove(services: &Services, actor: &Actor<'_>, member: UserId) -> Result<Decision, DbError> {
    let decision = actor.tenant.remove_member(actor.user(), member).await?;
    if decision == Decision::Done {
        services.session_cache.forget_all();
        // The member's entries in the login directory are deleted by a message.
        services.notifier.wake(actor.tenant);
        record(actor, "removed", member);
    }
    Ok(decision)
}

fn record(actor: &Actor<'_>, event: &str, member: UserId) {
    let subject = Subject::Member { tenant: actor.tenant.tenant(), user: member, by: actor.user() };
    audit::record(&actor.client, event, &subject);
}
