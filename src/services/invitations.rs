//! Invitations: make them and revoke them.

use super::Actor;
use super::audit;
use crate::auth::InvitationToken;
use crate::db::DbError;
use crate::domain::{InvitationId, InvitationTerms};
use crate::store::{CreatedInvitation, IdempotentRequest, Outcome, ReplayedInvitation};

/// Makes an invitation with this token. `replay` is for a request that may be repeated: its idempotency key,
/// and the sealed token with which a repetition is answered.
///
/// # Errors
/// [`DbError`] of the transaction.
pub async fn create(
    actor: &Actor<'_>,
    terms: &InvitationTerms,
    token: &InvitationToken,
    replay: Option<(&IdempotentRequest, &str)>,
) -> Result<Outcome<CreatedInvitation, ReplayedInvitation>, DbError> {
    let outcome = actor.tenant.invite(actor.user(), terms, &token.hash(), replay).await?;
    if !matches!(outcome, Outcome::KeyReused) {
        audit::record(&actor.client, &format!("invited as {}", terms.role.as_str()), &actor.subject());
    }
    Ok(outcome)
}

/// Revokes an invitation, and returns false when there is none in force.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn revoke(actor: &Actor<'_>, invitation: InvitationId) -> Result<bool, DbError> {
    let revoked = actor.tenant.revoke_invitation(invitation).await?;
    if revoked {
        audit::record(&actor.client, "revoked an invitation", &actor.subject());
    }
    Ok(revoked)
}
