//! Registration by invitation.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::browser_sessions::{self, NewSessions};
use super::opened_invitation::{JoiningForm, OpenedInvitation, join};
use super::registration::BUSY;
use crate::domain::{Email, NewPassword, Username};
use crate::services::registration::NewAccount;
use crate::services::{joining, registration};
use crate::store::{Newcomer, SessionKind};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, client};

/// Makes an account and logs in, which ends the browser's other sessions. On a temporary failure the form
/// comes back with its values.
pub async fn create(
    request: HttpRequest,
    user: Result<CurrentUser, Error>,
    token: web::Path<String>,
    form: Form<JoiningForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    let (user, invitation) = (user.ok(), OpenedInvitation::by(&token, &request, &context).await?);
    match try_create(&request, user.as_ref(), &invitation, &form, (&context, &cookie)).await {
        Err(error) => {
            let shown = error.for_form()?;
            let (status, errors) = (shown.status, FieldErrors::one("", shown.message(BUSY)));
            let page = invitation.page(status, user.as_ref(), (&context, &cookie), form, errors).await?;
            Ok(shown.mark(page))
        }
        answered => answered,
    }
}

async fn try_create(
    request: &HttpRequest,
    user: Option<&CurrentUser>,
    invitation: &OpenedInvitation,
    form: &JoiningForm,
    (context, cookie): (&Context, &Session),
) -> Result<HttpResponse, Error> {
    let (username, email, password) = match parse(form) {
        Ok(parsed) => parsed,
        Err(errors) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return invitation.page(status, user, (context, cookie), form.clone(), errors).await;
        }
    };
    let tenant = joining::invited_by(&invitation.token);
    if let Err(refusal) = registration::permit(&context.services, &tenant, email.as_ref()) {
        let Error::Forbidden(sentence) = Error::from(refusal) else { return Err(Error::NotFound) };
        let errors = FieldErrors::one("", sentence);
        return invitation.page(StatusCode::FORBIDDEN, user, (context, cookie), form.clone(), errors).await;
    }
    let account = NewAccount { username, email, password };
    let password_hash = joining::hash_password(&context.services, &client(request), &account).await?;
    let NewAccount { username, email, .. } = account;
    let newcomer = Newcomer { username, email, password_hash, tenant, request: None };
    match join(request, context, &newcomer).await {
        Ok(registered) => {
            let sessions = NewSessions::of_registration(&registered, SessionKind::Browser);
            browser_sessions::begin(request, context, cookie, &sessions).await?;
            browser_sessions::known_from_now_on(request, context, &sessions, invitation.welcome(cookie))
        }
        Err(Error::Conflict(errors)) => {
            invitation.page(StatusCode::CONFLICT, user, (context, cookie), form.clone(), errors).await
        }
        Err(error) => Err(error),
    }
}

fn parse(form: &JoiningForm) -> Result<(Username, Option<Email>, NewPassword), FieldErrors> {
    let mut errors = FieldErrors::default();
    let parsed = (
        errors.keep("username", Username::parse(&form.username)),
        errors.keep("email", Email::parse_optional(&form.email)),
        errors.keep("password", NewPassword::parse(&form.password)),
    );
    match parsed {
        (Some(username), Some(email), Some(password)) => Ok((username, email, password)),
        _ => Err(errors),
    }
}
