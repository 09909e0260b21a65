//! Registration.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::auth::InvitationToken;
use crate::domain::{
    Email, Identifier, Invalid, LoginPassword, NewPassword, TenantId, TenantName, UserId, Username,
};
use crate::services::login::{LoginAttempt, password_fits};
use crate::services::registration::{NewAccount, hash_password, permit, register};
use crate::services::{Client, joining};
use crate::store::{Newcomer, Outcome, TenantChoice};
use crate::web::{Context, Error, FieldErrors, Json, client, idempotency};

/// A registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationBody {
    /// Up to 64 characters, without `@`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[^@]*$")]
    username: String,
    /// 8 characters to 1,024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
    /// Optional.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// The id of an open organization to join.
    #[schema(minimum = 1)]
    tenant_id: Option<i64>,
    /// The name of an organization to found, or of an open one to join.
    #[schema(min_length = 1, max_length = 100)]
    tenant_name: Option<String>,
    /// The token of an invitation, instead of the organization.
    invitation: Option<String>,
}

/// The new user.
#[derive(Serialize, ToSchema)]
pub struct RegistrationAnswer {
    user_id: i64,
    tenant_id: i64,
    message: &'static str,
}

/// Register a user, who founds an organization by its name, joins an open one by name or id, or joins by
/// invitation.
///
/// # Errors
/// 403 where the operator allows no sign-up, or by invitation only, 409 for a taken name or an organization
/// that is not open, 422 for invalid fields, 429 after too many sign-ups.
#[utoipa::path(
    post,
    path = "/api/register",
    operation_id = "registration_create",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = RegistrationBody,
    responses(
        (status = 201, body = RegistrationAnswer),
        (status = 403, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    body: Json<RegistrationBody>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
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
    permit(&context.services, &tenant, email.as_ref())?;
    let once = idempotency::of_request(&request, &body.without_password())?;
    let (services, client) = (&context.services, client(&request));
    let account = NewAccount { username, email, password };
    let password_hash = match tenant {
        TenantChoice::Invited { .. } => joining::hash_password(services, &client, &account).await?,
        _ => hash_password(services, &client, &account).await?,
    };
    let NewAccount { username, email, .. } = account;
    let newcomer = Newcomer { username, email, password_hash, tenant, request: once };
    let registered = match newcomer.tenant {
        TenantChoice::Invited { .. } => joining::join(services, &client, &newcomer).await,
        _ => register(services, &client, &newcomer).await,
    };
    let registered = match registered {
        Ok(registered) => registered,
        Err(refusal) => match registered_before(&context, &newcomer, (&body.password, &client)).await? {
            Some(answer) => return Ok(HttpResponse::Created().json(answer)),
            None => return Err(refusal.into()),
        },
    };
    Ok(HttpResponse::Created().json(RegistrationAnswer::of(registered.tenant, registered.user)))
}

impl RegistrationAnswer {
    fn of(tenant: TenantId, user: UserId) -> Self {
        Self { user_id: user.number(), tenant_id: tenant.number(), message: "User registered successfully" }
    }
}

impl RegistrationBody {
    /// The fields that make two requests the same. The password is not among them, because the request's hash
    /// is stored and is too fast for passwords; `registered_before` checks it.
    fn without_password(&self) -> impl Serialize + '_ {
        (&self.username, &self.email, self.tenant_id, &self.tenant_name, &self.invitation)
    }
}

/// The account that an earlier request with the same key made, when the password belongs to it.
async fn registered_before(
    context: &Context,
    newcomer: &Newcomer,
    (password, client): (&str, &Client),
) -> Result<Option<RegistrationAnswer>, Error> {
    let (Some(once), Ok(password)) = (&newcomer.request, LoginPassword::parse(password)) else {
        return Ok(None);
    };
    let (name, number) = match &newcomer.tenant {
        TenantChoice::Named(name) => (Some(name), None),
        TenantChoice::Numbered(number) => (None, Some(*number)),
        TenantChoice::Invited { tenant, .. } => (None, Some(tenant.number())),
    };
    let attempt = LoginAttempt {
        name: newcomer.username.shown().to_owned(),
        password,
        tenant_name: name.cloned(),
        tenant_number: number,
        device: None,
    };
    let identifier = Identifier::from_typed(&attempt.name);
    for candidate in context.services.database.directory().candidates(&identifier, name, number).await? {
        let tenant = context.services.database.tenant(candidate.tenant);
        match tenant.recorded_outcome(candidate.user, once).await? {
            Outcome::Replay(_) => {}
            Outcome::KeyReused => return Err(idempotency::key_reused()),
            Outcome::First(()) => continue,
        }
        let account = tenant.account(candidate.user).await?;
        let hash = account.as_ref().map(|account| account.password_hash.as_str());
        // A key is no secret, so its password is guessed no faster than by logging in.
        if password_fits(&context.services, client, &attempt, hash).await? {
            return Ok(Some(RegistrationAnswer::of(candidate.tenant, candidate.user)));
        }
    }
    Ok(None)
}

fn choose_tenant(body: &RegistrationBody, errors: &mut FieldErrors) -> Option<TenantChoice> {
    match (body.tenant_id, &body.tenant_name, &body.invitation) {
        (Some(number), None, None) => Some(TenantChoice::Numbered(number)),
        (None, Some(name), None) => {
            errors.keep("tenant_name", TenantName::parse(name)).map(TenantChoice::Named)
        }
        (None, None, Some(invitation)) => {
            let token = InvitationToken::parse(invitation)
                .ok_or(Invalid("This invitation is not valid, or no longer valid."));
            let token = errors.keep("invitation", token)?;
            Some(TenantChoice::Invited { tenant: token.tenant(), token_hash: token.hash() })
        }
        _ => errors.keep("tenant_name", Err(Invalid("Give one of tenant_id, tenant_name and invitation."))),
    }
}
