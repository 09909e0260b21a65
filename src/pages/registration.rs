//! Registration.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::browser_sessions::{self, NewSessions};
use super::frame::page;
use crate::domain::{Email, NewPassword, TenantName, Username};
use crate::services::registration::{self, NewAccount};
use crate::store::{Newcomer, SessionKind, TenantChoice};
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, client, see_other};

/// The message for a registration that failed because the server or the database is overloaded. It may have
/// succeeded, when the connection to the database broke at the commit.
pub const BUSY: &str = "Signing up is not possible right now. Try again in a moment; if the name is taken \
    then, your account was made after all: log in.";

/// The form, as it was sent.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegistrationForm {
    username: String,
    email: String,
    password: String,
    tenant_name: String,
}

#[derive(Template)]
#[template(path = "registration/new.html")]
struct RegistrationPage {
    frame: Frame,
    username: String,
    email: String,
    tenant_name: String,
    errors: FieldErrors,
}

/// Shows the empty form.
pub async fn new(user: Result<CurrentUser, Error>, cookie: Session) -> Result<HttpResponse, Error> {
    match user {
        Ok(_) => Ok(see_other("/dashboard")),
        Err(_) => refill(StatusCode::OK, &cookie, RegistrationForm::default(), FieldErrors::default()),
    }
}

/// Makes an account in a new or an open tenant, and logs in. On a temporary failure the form comes back with
/// its values.
pub async fn create(
    request: HttpRequest,
    form: Form<RegistrationForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    match try_create(&request, &form, &context, &cookie).await {
        Err(error) => {
            let shown = error.for_form()?;
            let errors = FieldErrors::one("", shown.message(BUSY));
            Ok(shown.mark(refill(shown.status, &cookie, form, errors)?))
        }
        answered => answered,
    }
}

async fn try_create(
    request: &HttpRequest,
    form: &RegistrationForm,
    context: &Context,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    let parsed = (
        errors.keep("username", Username::parse(&form.username)),
        errors.keep("email", Email::parse_optional(&form.email)),
        errors.keep("password", NewPassword::parse(&form.password)),
        errors.keep("tenant_name", TenantName::parse(&form.tenant_name)),
    );
    let (Some(username), Some(email), Some(password), Some(tenant)) = parsed else {
        return refill(StatusCode::UNPROCESSABLE_ENTITY, cookie, form.clone(), errors);
    };
    let (services, client) = (&context.services, client(request));
    let account = NewAccount { username, email, password };
    let password_hash = registration::hash_password(services, &client, &account).await?;
    let NewAccount { username, email, .. } = account;
    let newcomer =
        Newcomer { username, email, password_hash, tenant: TenantChoice::Named(tenant), request: None };
    let registered = match registration::register(services, &client, &newcomer).await {
        Ok(registered) => registered,
        Err(refusal) => {
            return match Error::from(refusal) {
                Error::Conflict(errors) => refill(StatusCode::CONFLICT, cookie, form.clone(), errors),
                other => Err(other),
            };
        }
    };
    let sessions = NewSessions::of_registration(&registered, SessionKind::Browser);
    browser_sessions::begin(request, context, cookie, &sessions).await?;
    flash(cookie, "success", "Welcome. Write your first note below.");
    browser_sessions::known_from_now_on(request, context, &sessions, see_other("/dashboard"))
}

fn refill(
    status: StatusCode,
    cookie: &Session,
    form: RegistrationForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let RegistrationForm { username, email, tenant_name, .. } = form;
    page(status, &RegistrationPage { frame: Frame::public(cookie, ""), username, email, tenant_name, errors })
}
