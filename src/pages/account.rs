//! One's own account: the password, and where one is logged in.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::format::Moment;
use super::frame::{frame_of, page};
use crate::domain::{LoginPassword, NewPassword, SessionId};
use crate::services::password::{self, PasswordChange};
use crate::services::sessions;
use crate::store::{SessionKind, SessionRow};
use crate::web::cookie::{self, flash};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, see_other};

/// What is typed to change the password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    current_password: String,
    password: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    username: String,
    email: String,
    tenant_name: String,
    role: String,
    sessions: Vec<SessionView>,
    errors: FieldErrors,
}

struct SessionView {
    id: i64,
    kind: String,
    user_agent: String,
    created_at: Moment,
    last_seen_at: Moment,
    current: bool,
}

/// The account.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    account_page(StatusCode::OK, &user, &cookie, FieldErrors::default()).await
}

/// Sets a new password, which ends every other session and gives this one a new token.
pub async fn update_password(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<PasswordForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    let current = errors.keep("current_password", LoginPassword::parse(&form.0.current_password));
    let wanted = errors.keep("password", NewPassword::parse(&form.0.password));
    let (Some(current), Some(wanted)) = (current, wanted) else {
        return account_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, errors).await;
    };
    let actor = user.actor(&request);
    let token = match password::change(&context.services, &actor, &current, &wanted).await? {
        PasswordChange::Changed(token) => token,
        PasswordChange::WrongPassword => {
            let errors = FieldErrors::one("current_password", "This is not your current password.");
            return account_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, errors).await;
        }
        PasswordChange::Conflict => return Err(Error::Conflict(FieldErrors::default())),
        PasswordChange::NoAccount => return Err(Error::LoginRequired),
    };
    cookie::set_tokens(&cookie, &token, &cookie::others(&cookie))?;
    flash(&cookie, "success", "The password is changed, and every other session is logged out.");
    Ok(see_other("/account"))
}

/// Ends one session.
pub async fn revoke(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<SessionId>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !sessions::revoke(&context.services, &user.actor(&request), *id).await? {
        return Err(Error::NotFound);
    }
    flash(&cookie, "success", "That session is logged out.");
    Ok(see_other("/account"))
}

/// Ends all sessions but this one.
pub async fn revoke_others(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    sessions::revoke_others(&context.services, &user.actor(&request)).await?;
    flash(&cookie, "success", "Every other session is logged out.");
    Ok(see_other("/account"))
}

async fn account_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let (account, sessions) = user.tenant.account_with_sessions(user.id).await?;
    let account = account.ok_or(Error::LoginRequired)?;
    let shown = AccountPage {
        frame: frame_of(user, cookie, "account"),
        username: account.username,
        email: account.email.unwrap_or_default(),
        tenant_name: account.tenant_name,
        role: account.role.as_str().to_owned(),
        sessions: sessions.into_iter().map(|session| view(session, user.session.id)).collect(),
        errors,
    };
    page(status, &shown)
}

fn view(session: SessionRow, current: SessionId) -> SessionView {
    SessionView {
        id: session.id.number(),
        kind: if session.kind == SessionKind::Script { "script" } else { "browser" }.to_owned(),
        user_agent: session.user_agent,
        created_at: Moment(session.created_at),
        last_seen_at: Moment(session.last_seen_at),
        current: session.id == current,
    }
}
