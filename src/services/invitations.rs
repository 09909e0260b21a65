//! Invitations: make them, open them and revoke them.

use std::time::Duration;

use super::audit::{self, Subject};
use super::{Actor, Client, ServiceError, Services};
use crate::auth::{InvitationToken, ThrottleError, UnknownSecret};
use crate::db::DbError;
use crate::domain::{InvitationId, InvitationTerms};
use crate::store::{CreatedInvitation, IdempotentRequest, Offer, Outcome, ReplayedInvitation, Revocation};

/// Makes an invitation with this token. `replay` is for a request that may be repeated: its idempotency key,
/// and the sealed token with which a repetition is answered.
///
/// # Errors
/// [`ServiceError::Throttled`] for too many in a short time, [`ServiceError::Forbidden`] for an actor whose
/// role no longer allows it, and [`ServiceError::Database`].
pub async fn create(
    services: &Services,
    actor: &Actor<'_>,
    terms: &InvitationTerms,
    token: &InvitationToken,
    replay: Option<(&IdempotentRequest, &str)>,
) -> Result<Outcome<CreatedInvitation, ReplayedInvitation>, ServiceError> {
    let admitted = services.throttle.invite(actor.tenant.tenant(), actor.user()).await;
    if let Err(ThrottleError::Refused(_)) = &admitted {
        audit::refused(actor.client.address, "inviting throttled", "", &actor.subject());
    }
    admitted?;
    let outcome = actor.tenant.invite(actor.user(), terms, &token.hash(), replay).await?;
    let outcome = outcome.ok_or(ServiceError::Forbidden("Your role does not allow this invitation."))?;
    if !matches!(outcome, Outcome::KeyReused) {
        audit::record(&actor.client, &format!("invited as {}", terms.role.as_str()), &actor.subject());
    }
    Ok(outcome)
}

/// Revokes an invitation.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn revoke(actor: &Actor<'_>, invitation: InvitationId) -> Result<Revocation, DbError> {
    let revocation = actor.tenant.revoke_invitation(actor.user(), invitation).await?;
    if revocation == Revocation::Done {
        audit::record(&actor.client, "revoked an invitation", &actor.subject());
    }
    Ok(revocation)
}

/// What an invitation offers; none when it is unknown, used up, revoked or expired, which is counted.
///
/// # Errors
/// [`ServiceError::Throttled`] for too many unknown ones of the client, and [`ServiceError::Database`].
pub async fn open(
    services: &Services,
    client: &Client,
    token: &InvitationToken,
) -> Result<Option<Offer>, ServiceError> {
    services.throttle.before_lookup(UnknownSecret::Invitation, client.address)?;
    let tenant = services.database.claimed_tenant(token.tenant());
    let offer = tenant.offer(&token.hash()).await?;
    if offer.is_none() {
        count_unknown(services, client).await.map_err(ServiceError::Throttled)?;
    } else {
        let _ = tenant.confirmed();
    }
    Ok(offer)
}

/// Counts an invitation that does not exist, and gives the time to wait after too many. A failure of the
/// database is no reason for another answer.
pub(super) async fn count_unknown(services: &Services, client: &Client) -> Result<(), Duration> {
    match services.throttle.not_found(UnknownSecret::Invitation, client.address).await {
        Err(ThrottleError::Refused(wait)) => {
            audit::refused(client.address, "unknown invitations throttled", "", &Subject::Stranger);
            Err(wait)
        }
        _ => Ok(()),
    }
}
