//! Invitations.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::auth::InvitationToken;
use crate::domain::{InvitationId, InvitationTerms, Role};
use crate::services::invitations;
use crate::store::{OpenInvitation, Outcome, ReplayedInvitation};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Json, cookie, idempotency};

/// The purpose of the sealed token that is kept to answer a repeated request.
const SEALED_TOKEN: &str = "invitation token";

/// An invitation to make.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// owner, admin or member; member when not given.
    #[schema(pattern = "^(owner|admin|member)$")]
    role: Option<String>,
    /// Seconds until it expires, a minute to 90 days; 7 days when not given.
    #[schema(minimum = 60, maximum = 7_776_000)]
    expires_in: Option<i64>,
    /// How many people may use it, up to 1,000; 1 when not given.
    #[schema(minimum = 1, maximum = 1000)]
    uses: Option<i64>,
}

/// The new invitation with its token, which is not shown again.
#[derive(Serialize, ToSchema)]
pub struct InvitationCreated {
    invitation_id: i64,
    token: String,
    /// The link that people open.
    url: String,
    expires_at: DateTime<Utc>,
}

/// An invitation in force.
#[derive(Serialize, ToSchema)]
pub struct InvitationView {
    invitation_id: i64,
    role: &'static str,
    uses_left: i32,
    used: i32,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// The id of the member who made it.
    invited_by: i64,
}

/// List the invitations in force, the newest first.
///
/// # Errors
/// 401 without a valid token, 403 when the user may not invite.
#[utoipa::path(
    get,
    path = "/api/invitations",
    operation_id = "invitations_index",
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<InvitationView>),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    ),
)]
pub async fn index(user: CurrentUser) -> Result<HttpResponse, Error> {
    user.permit_inviting(None)?;
    let open = user.tenant.open_invitations().await?;
    Ok(HttpResponse::Ok().json(open.into_iter().map(view).collect::<Vec<_>>()))
}

/// Make an invitation.
///
/// # Errors
/// 401 without a valid token, 403 when the user may not invite, or not with that role, 422 for invalid terms.
#[utoipa::path(
    post,
    path = "/api/invitations",
    operation_id = "invitations_create",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewInvitation,
    security(("bearer" = [])),
    responses(
        (status = 201, body = InvitationCreated),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    body: Json<NewInvitation>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let once = idempotency::of_request(&request, &body.0)?;
    let terms = parse(&body.0)?;
    user.permit_inviting(Some(terms.role))?;
    let token = InvitationToken::generate(user.tenant.tenant())?;
    let sealed = cookie::seal(&context.cookies.key, SEALED_TOKEN, token.expose().to_owned());
    let kept = once.as_ref().map(|once| (once, sealed.as_str()));
    let invited = invitations::create(&context.services, &user.actor(&request), &terms, &token, kept).await?;
    let (invitation, token) = match invited {
        Outcome::First(invitation) => (invitation, token),
        Outcome::Replay(ReplayedInvitation { invitation, sealed }) => {
            (invitation, shown_again(&context, &sealed)?)
        }
        Outcome::KeyReused => return Err(idempotency::key_reused()),
    };
    Ok(HttpResponse::Created().json(InvitationCreated {
        invitation_id: invitation.id.number(),
        url: context.invitation_link(&token),
        token: token.expose().to_owned(),
        expires_at: invitation.expires_at,
    }))
}

/// Revoke an invitation.
///
/// # Errors
/// 401 without a valid token, 403 when the user may not invite, 404 when there is no such invitation in
/// force.
#[utoipa::path(
    delete,
    path = "/api/invitations/{id}",
    operation_id = "invitations_delete",
    params(("id" = i64, Path)),
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<InvitationId>,
) -> Result<HttpResponse, Error> {
    user.permit_inviting(None)?;
    Result::from(invitations::revoke(&user.actor(&request), *id).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The token that was the answer to the first of two equal requests.
fn shown_again(context: &Context, sealed: &str) -> Result<InvitationToken, Error> {
    let open = |key| cookie::unseal(key, SEALED_TOKEN, sealed).and_then(|text| InvitationToken::parse(&text));
    let token = open(&context.cookies.key).or_else(|| context.cookies.previous.as_ref().and_then(open));
    token.ok_or_else(|| {
        Error::Internal("reading an invitation's token again", "the server's key has changed since".into())
    })
}

fn parse(body: &NewInvitation) -> Result<InvitationTerms, Error> {
    let mut errors = FieldErrors::default();
    let role = errors.keep("role", Role::parse(body.role.as_deref().unwrap_or("member")));
    let uses = errors.keep("uses", InvitationTerms::parse_uses(body.uses));
    let seconds = errors.keep("expires_in", InvitationTerms::parse_seconds(body.expires_in));
    match (role, uses, seconds) {
        (Some(role), Some(uses), Some(seconds)) => Ok(InvitationTerms::new(role, (uses, seconds))),
        _ => Err(Error::Invalid(errors)),
    }
}

fn view(invitation: OpenInvitation) -> InvitationView {
    InvitationView {
        invitation_id: invitation.id.number(),
        role: invitation.role.as_str(),
        uses_left: invitation.uses_left,
        used: invitation.used,
        created_at: invitation.created_at,
        expires_at: invitation.expires_at,
        invited_by: invitation.invited_by.number(),
    }
}
