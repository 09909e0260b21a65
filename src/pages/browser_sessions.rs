//! The login sessions of one browser. Its cookie carries up to five, each in another tenant, and one of them
//! is active. A login starts several when the password belongs to accounts in several tenants, and a
//! logged-in user may add one. Any other login ends the sessions that the browser had, so that the next user
//! of a shared computer finds nothing of the last one.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse};

use crate::auth::Token;
use crate::services::login::Matched;
use crate::services::sessions::{self, StartedBy};
use crate::store::{Candidate, Registered, SessionKind};
use crate::web::cookie::{self, MOST_SESSIONS, OtherSession};
use crate::web::{Context, CurrentUser, Error, client, device_cookie};

/// An account for which a session starts.
pub struct SessionAccount {
    pub candidate: Candidate,
    pub tenant_name: String,
}

impl SessionAccount {
    /// An account to which the password of a login belongs.
    pub fn of(matched: &Matched) -> Self {
        Self { candidate: matched.candidate, tenant_name: matched.account.tenant_name.clone() }
    }
}

/// The sessions to start, the first of them as the active one.
pub struct NewSessions {
    accounts: Vec<SessionAccount>,
    kind: SessionKind,
    started_by: StartedBy,
}

impl NewSessions {
    /// The sessions of accounts whose password was checked.
    pub fn of_login(accounts: Vec<SessionAccount>, kind: SessionKind) -> Self {
        Self { accounts, kind, started_by: StartedBy::Login }
    }

    /// The session of an account that was just made. It becomes the active one, whose tenant name is looked
    /// up with each page and not kept in the cookie.
    pub fn of_registration(registered: &Registered, kind: SessionKind) -> Self {
        let candidate = Candidate { tenant: registered.tenant, user: registered.user };
        let accounts = vec![SessionAccount { candidate, tenant_name: String::new() }];
        Self { accounts, kind, started_by: StartedBy::Registration }
    }
}

/// Lets this browser be known as one that logged in to these accounts, also after the logout.
pub fn known_from_now_on(
    request: &HttpRequest,
    context: &Context,
    new: &NewSessions,
    mut response: HttpResponse,
) -> Result<HttpResponse, Error> {
    let accounts = new.accounts.iter().rev().map(|account| account.candidate);
    device_cookie::remember(request, &context.cookies, accounts, &mut response)?;
    Ok(response)
}

/// Starts sessions, after ending all that the browser had.
pub async fn begin(
    request: &HttpRequest,
    context: &Context,
    cookie: &Session,
    new: &NewSessions,
) -> Result<Token, Error> {
    for before in
        cookie::token(cookie).into_iter().chain(cookie::others(cookie).into_iter().map(|other| other.token))
    {
        sessions::end(&context.services, &before).await?;
    }
    let (active, others) = start(request, context, new).await?;
    cookie::set_tokens(cookie, &active, &others)?;
    Ok(active)
}

/// Starts sessions and keeps those that the browser of `user` has. A browser has at most one session in each
/// tenant and at most [`MOST_SESSIONS`] in all; the least recently used ones end.
pub async fn add(
    request: &HttpRequest,
    context: &Context,
    cookie: &Session,
    user: &CurrentUser,
    new: &NewSessions,
) -> Result<Token, Error> {
    let was_active =
        OtherSession { token: user.token.clone(), tenant_name: user.session.tenant_name.clone() };
    let before = std::iter::once(was_active).chain(cookie::others(cookie));
    let (replaced, kept): (Vec<_>, Vec<_>) = before.partition(|session| {
        new.accounts.iter().any(|account| account.candidate.tenant == session.token.tenant())
    });
    for session in replaced {
        sessions::end(&context.services, &session.token).await?;
    }
    let (active, mut others) = start(request, context, new).await?;
    others.extend(kept);
    for session in others.split_off(others.len().min(MOST_SESSIONS - 1)) {
        sessions::end(&context.services, &session.token).await?;
    }
    cookie::set_tokens(cookie, &active, &others)?;
    Ok(active)
}

/// Activates another session of the browser after the active one has ended, and returns the name of its
/// tenant. Returns none, with an empty cookie, when no other session is in force.
pub async fn activate_another(context: &Context, cookie: &Session) -> Result<Option<String>, Error> {
    let mut others = cookie::others(cookie);
    while !others.is_empty() {
        let next = others.remove(0);
        if let Some(session) = sessions::find(&context.services, &next.token).await? {
            cookie::set_tokens(cookie, &next.token, &others)?;
            return Ok(Some(session.tenant_name.clone()));
        }
    }
    if cookie::token(cookie).is_some() {
        cookie.clear();
        cookie.renew();
    }
    Ok(None)
}

async fn start(
    request: &HttpRequest,
    context: &Context,
    new: &NewSessions,
) -> Result<(Token, Vec<OtherSession>), Error> {
    let client = client(request);
    let mut started = Vec::new();
    for SessionAccount { candidate, tenant_name } in new.accounts.iter().take(MOST_SESSIONS) {
        let session =
            sessions::start(&context.services, &client, *candidate, new.kind, new.started_by).await?;
        started.push(OtherSession { token: session.token, tenant_name: tenant_name.clone() });
    }
    if started.is_empty() {
        return Err(Error::LoginRequired);
    }
    if new.kind == SessionKind::Remembered {
        cookie::remember(request);
    }
    let active = started.remove(0).token;
    Ok((active, started))
}
