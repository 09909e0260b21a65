//! Accepting an invitation with the account of another organization.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::auth::InvitationToken;
use crate::domain::{Identifier, UserId};
use crate::services::joining;
use crate::services::sessions::{self, StartedBy};
use crate::store::{Candidate, Newcomer, Outcome, SessionKind, SignUpError};
use crate::web::{Context, CurrentUser, Error, client, idempotency};

/// The new account, logged in.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    user_id: i64,
    tenant_id: i64,
    /// A bearer token of the new account. The token of the request stays valid.
    token: String,
    /// When the token expires; it expires sooner after two weeks without use.
    expires_at: DateTime<Utc>,
}

/// Join the organization of an invitation with the name, e-mail and password of the token's account. The
/// token's account does not change, and the new account is separate from it. With an `Idempotency-Key` a
/// repeated request answers with the account that the first one made, and with a new token, until one of the
/// two accounts has another password.
///
/// # Errors
/// 401 without a valid token, 403 where the operator allows no sign-up, 404 for an invitation that is not
/// valid, 409 when the user is in that organization already or when another member has the name or e-mail,
/// 422 for a key that was used for another request.
#[utoipa::path(
    post,
    path = "/api/invitations/{token}/acceptances",
    operation_id = "acceptances_create",
    params(
        ("token" = String, Path),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    security(("bearer" = [])),
    responses(
        (status = 201, body = Accepted),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    token: web::Path<String>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let invitation = InvitationToken::parse(&token).ok_or(Error::NotFound)?;
    // The account belongs to the hash: the same key of another account is another request.
    let once = idempotency::of_request(&request, &(user.tenant.tenant().number(), user.id.number()))?;
    if user.tenant.tenant() == invitation.tenant() {
        return Err(already_there(&user, &invitation).await?);
    }
    let account = user.tenant.account(user.id).await?.ok_or(Error::LoginRequired)?;
    let newcomer = joining::newcomer_from_account(account, &invitation, once)?;
    let client = client(&request);
    joining::admit(&context.services, &client).await?;
    let member = match joining::join(&context.services, &client, &newcomer).await {
        Ok(registered) => registered.user,
        Err(refusal) => match joined_before(&context, &invitation, &newcomer).await? {
            Some(member) => member,
            None if matches!(refusal, SignUpError::NoInvitation) => return Err(Error::NotFound),
            None => return Err(refusal.into()),
        },
    };
    let account = Candidate { tenant: invitation.tenant(), user: member };
    let started =
        sessions::start(&context.services, &client, account, SessionKind::Script, StartedBy::Registration)
            .await?;
    Ok(HttpResponse::Created().json(Accepted {
        user_id: member.number(),
        tenant_id: account.tenant.number(),
        token: started.token.expose().to_owned(),
        expires_at: started.expires_at,
    }))
}

/// The error when the user is in the invitation's organization. It is 404 for an invalid invitation, as for
/// everyone else.
async fn already_there(user: &CurrentUser, invitation: &InvitationToken) -> Result<Error, Error> {
    let offer = user.tenant.offer(&invitation.hash()).await?;
    Ok(offer.map_or(Error::NotFound, |_| Error::Prevented("You are in this organization already.")))
}

/// The account that an earlier request with the same key made, if it still has the password with which it was
/// made. A key and the first account's token prove nothing of a password that was set since: its owner may
/// have ended all sessions with it.
async fn joined_before(
    context: &Context,
    invitation: &InvitationToken,
    newcomer: &Newcomer,
) -> Result<Option<UserId>, Error> {
    let Some(once) = &newcomer.request else { return Ok(None) };
    let tenant = context.services.database.tenant(invitation.tenant());
    let identifier = Identifier::from_typed(newcomer.username.shown());
    for candidate in context
        .services
        .database
        .directory()
        .candidates(&identifier, None, Some(invitation.tenant().number()))
        .await?
    {
        match tenant.recorded_outcome(candidate.user, once).await? {
            Outcome::Replay(_) => {
                let account = tenant.account(candidate.user).await?;
                if account.is_some_and(|account| account.password_hash == newcomer.password_hash) {
                    return Ok(Some(candidate.user));
                }
            }
            Outcome::KeyReused => return Err(idempotency::key_reused()),
            Outcome::First(()) => {}
        }
    }
    Ok(None)
}
