//! Login: a bearer token for a name and a password.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::domain::{LoginPassword, TenantName};
use crate::services::login::{LoginAttempt, LoginOutcome, log_in};
use crate::services::sessions::{self, StartedBy};
use crate::store::SessionKind;
use crate::web::{Context, Error, FieldErrors, Json, client};

/// A login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// A user name or an e-mail.
    username: String,
    #[schema(min_length = 1, max_length = 1024)]
    password: String,
    /// The id of the organization, for a name that is in several.
    tenant_id: Option<i64>,
    /// The name of the organization, for a name that is in several.
    #[schema(min_length = 1, max_length = 100)]
    tenant_name: Option<String>,
}

/// A bearer token.
#[derive(Serialize, ToSchema)]
pub struct LoginAnswer {
    /// To send as `Authorization: Bearer …`.
    token: String,
    /// When it expires; it expires sooner after two weeks without use.
    expires_at: DateTime<Utc>,
}

/// Log in and get a bearer token.
///
/// # Errors
/// 401 for a wrong name or password, 422 when the password fits in several organizations, 429 after too many
/// failures.
#[utoipa::path(
    post,
    path = "/api/login",
    operation_id = "login_create",
    request_body = LoginBody,
    responses(
        (status = 200, body = LoginAnswer),
        (status = 401, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    body: Json<LoginBody>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let Json(body) = body;
    let attempt = parse(&body)?;
    let client = client(&request);
    let matched = match log_in(&context.services, &client, &attempt).await? {
        LoginOutcome::Matched(matched) => matched,
        LoginOutcome::Refused => return Err(Error::WrongLogin),
    };
    let [only] = matched.as_slice() else {
        return Err(name_the_tenant(
            "The password fits in several organizations; give tenant_id or tenant_name.",
        ));
    };
    let started =
        sessions::start(&context.services, &client, only.candidate, SessionKind::Script, StartedBy::Login)
            .await?;
    Ok(HttpResponse::Ok()
        .json(LoginAnswer { token: started.token.expose().to_owned(), expires_at: started.expires_at }))
}

fn parse(body: &LoginBody) -> Result<LoginAttempt, Error> {
    let mut errors = FieldErrors::default();
    let password = errors.keep("password", LoginPassword::parse(&body.password));
    let tenant_name =
        errors.keep("tenant_name", body.tenant_name.as_deref().map(TenantName::parse).transpose());
    match (password, tenant_name) {
        (Some(password), Some(tenant_name)) => Ok(LoginAttempt {
            name: body.username.clone(),
            password,
            tenant_name,
            tenant_number: body.tenant_id,
            device: None,
        }),
        _ => Err(Error::Invalid(errors)),
    }
}

fn name_the_tenant(message: &str) -> Error {
    Error::Invalid(FieldErrors::one("tenant_name", message))
}
