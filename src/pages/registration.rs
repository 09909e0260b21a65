//! Registration.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::browser_sessions::{self, NewSessions};
use super::frame::page;
use crate::domain::{Email, NewPassword, SignUpRefusal, TenantName, Username};
use crate::services::registration::{self, NewAccount};
use crate::store::{Newcomer, SessionKind, TenantChoice};
use crate::web::cookie::flash;
use crate::web::error::sign_up_sentence;
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
    /// Why there is no form.
    closed: Option<&'static str>,
    username: String,
    email: String,
    tenant_name: String,
    errors: FieldErrors,
}

/// Shows the empty form.
pub async fn new(
    user: Result<CurrentUser, Error>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if user.is_ok() {
        return Ok(see_other("/dashboard"));
    }
    let closed = match context.services.sign_up.permit(false, None) {
        Ok(()) | Err(SignUpRefusal::EmailDomain) => None,
        Err(refusal) => Some(sign_up_sentence(refusal)),
    };
    let (form, errors) = (RegistrationForm::default(), FieldErrors::default());
    page(StatusCode::OK, &RegistrationPage { closed, ..page_of(&cookie, form, errors) })
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
    let tenant = TenantChoice::Named(tenant);
    if let Err(refusal) = registration::permit(&context.services, &tenant, email.as_ref()) {
        return refuse(refusal.into(), cookie, form);
    }
    let (services, client) = (&context.services, client(request));
    let account = NewAccount { username, email, password };
    let password_hash = registration::hash_password(services, &client, &account).await?;
    let NewAccount { username, email, .. } = account;
    let newcomer = Newcomer { username, email, password_hash, tenant, request: None };
    let registered = match registration::register(services, &client, &newcomer).await {
        Ok(registered) => registered,
        Err(refusal) => return refuse(refusal.into(), cookie, form),
    };
    let sessions = NewSessions::of_registration(&registered, SessionKind::Browser);
    browser_sessions::begin(request, context, cookie, &sessions).await?;
    flash(cookie, "success", "Welcome. Write your first note below.");
    browser_sessions::known_from_now_on(request, context, &sessions, see_other("/dashboard"))
}

/// The form with what was typed and the reason, for a refusal that the user can do something about.
fn refuse(error: Error, cookie: &Session, form: &RegistrationForm) -> Result<HttpResponse, Error> {
    let (status, errors) = match error {
        Error::Conflict(errors) => (StatusCode::CONFLICT, errors),
        Error::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Error::Forbidden(sentence) => (StatusCode::FORBIDDEN, FieldErrors::one("", sentence)),
        other => return Err(other),
    };
    refill(status, cookie, form.clone(), errors)
}

fn refill(
    status: StatusCode,
    cookie: &Session,
    form: RegistrationForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    page(status, &page_of(cookie, form, errors))
}

fn page_of(cookie: &Session, form: RegistrationForm, errors: FieldErrors) -> RegistrationPage {
    let RegistrationForm { username, email, tenant_name, .. } = form;
    let frame = Frame::public(cookie, "");
    RegistrationPage { frame, closed: None, username, email, tenant_name, errors }
}
