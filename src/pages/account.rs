//! The user's account: name, e-mail, role, and the sessions that are in force.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::format::Timestamp;
use super::frame::{frame_of, page};
use super::usage::{UsageLine, of_person};
use crate::domain::SessionId;
use crate::store::{SessionKind, SessionRow};
use crate::web::{CurrentUser, Error, FieldErrors, Frame};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    username: String,
    email: String,
    tenant_name: String,
    role: String,
    sessions: Vec<AccountSession>,
    usage: Vec<UsageLine>,
    errors: FieldErrors,
}

struct AccountSession {
    id: i64,
    kind: String,
    user_agent: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    current: bool,
}

/// Shows the account.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    account_page(StatusCode::OK, &user, &cookie, FieldErrors::default()).await
}

/// The page of the account, with the errors of the password form.
pub async fn account_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let (account, sessions) = user.tenant.account_with_sessions(user.id).await?;
    let account = account.ok_or(Error::LoginRequired)?;
    let usage = of_person(&user.tenant.usage(user.id).await?);
    let shown = AccountPage {
        frame: frame_of(user, cookie, "account"),
        username: account.username,
        email: account.email.unwrap_or_default(),
        tenant_name: account.tenant_name,
        role: account.role.as_str().to_owned(),
        sessions: sessions.into_iter().map(|session| view(session, user.session.id)).collect(),
        usage,
        errors,
    };
    page(status, &shown)
}

fn view(session: SessionRow, current: SessionId) -> AccountSession {
    AccountSession {
        id: session.id.number(),
        kind: if session.kind == SessionKind::Script { "script" } else { "browser" }.to_owned(),
        user_agent: session.user_agent,
        created_at: Timestamp(session.created_at),
        last_seen_at: Timestamp(session.last_seen_at),
        current: session.id == current,
    }
}
