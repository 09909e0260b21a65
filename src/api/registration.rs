//! Signing up.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::auth::InvitationToken;
use crate::domain::{Email, Invalid, NewPassword, TenantName, Username};
use crate::store::{Newcomer, TenantChoice};
use crate::web::audit::{self, Subject};
use crate::web::{Context, Error, FieldErrors, Json};

/// Who signs up, and where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationBody {
    /// Up to 64 characters, without `@`.
    username: String,
    /// 8 characters to 1,024 bytes.
    password: String,
    /// Optional.
    email: Option<String>,
    /// An open organization to join.
    tenant_id: Option<i64>,
    /// An organization to found, or an open one to join.
    tenant_name: Option<String>,
    /// The token of an invitation, in place of the organization.
    invitation: Option<String>,
}

/// The new user.
#[derive(Serialize, ToSchema)]
pub struct RegistrationAnswer {
    user_id: i64,
    tenant_id: i64,
    message: &'static str,
}

/// Sign up: found an organization by its name, join an open one by name or number, or come by invitation.
///
/// # Errors
/// 409 for a taken name or an organization that is not open, 422 for fields that cannot be accepted.
#[utoipa::path(post, path = "/api/register", request_body = RegistrationBody, responses(
    (status = 201, body = RegistrationAnswer), (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn create(request: HttpRequest, body: Json<RegistrationBody>, context: web::Data<Context>) -> Result<HttpResponse, Error> {
    let Json(body) = body;
    let mut errors = FieldErrors::default();
    let parsed = (
        errors.keep("username", Username::parse(&body.username)),
        errors.keep("email", Email::parse_optional(body.email.as_deref().unwrap_or_default())),
        errors.keep("password", NewPassword::parse(&body.password)),
        choose_tenant(&body, &mut errors),
    );
    let (Some(username), Some(email), Some(password), Some(tenant)) = parsed else {
        return Err(Error::Invalid(errors));
    };
    let password_hash = context.hasher.hash(&password).await?;
    let newcomer = Newcomer { username, email, password_hash, tenant };
    let registered = context.database.sign_up().register(&newcomer).await?;
    context.messenger.wake(&context.database.tenant(registered.tenant));
    audit::record(&request, "signed up", &Subject::User(registered.tenant, registered.user));
    Ok(HttpResponse::Created().json(RegistrationAnswer {
        user_id: registered.user.number(),
        tenant_id: registered.tenant.number(),
        message: "User registered successfully",
    }))
}

fn choose_tenant(body: &RegistrationBody, errors: &mut FieldErrors) -> Option<TenantChoice> {
    match (body.tenant_id, &body.tenant_name, &body.invitation) {
        (Some(number), None, None) => Some(TenantChoice::Numbered(number)),
        (None, Some(name), None) => errors.keep("tenant_name", TenantName::parse(name)).map(TenantChoice::Named),
        (None, None, Some(invitation)) => {
            let token = InvitationToken::parse(invitation).ok_or(Invalid("This invitation does not count, or no longer."));
            let token = errors.keep("invitation", token)?;
            Some(TenantChoice::Invited { tenant: token.tenant(), token_hash: token.hash() })
        }
        _ => errors.keep("tenant_name", Err(Invalid("Give one of tenant_id, tenant_name and invitation."))),
    }
}
