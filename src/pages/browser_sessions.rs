//! The sessions of one browser. Its cookie carries up to five, each of another tenant and one of them active.
//! They came together by one login, or because their user asked for it while being logged in; a login without
//! that request ends all that were there before, so that nobody finds a trace of another person.

use actix_session::Session;
use actix_web::HttpRequest;

use crate::auth::{Matched, Token};
use crate::store::{Candidate, Registered, SessionKind};
use crate::web::cookie::{self, MOST_SESSIONS, OtherSession};
use crate::web::{Context, CurrentUser, Error, user_agent};

/// An account that a session is to be started for.
pub struct Entry {
    /// Which one.
    pub candidate: Candidate,
    /// The name of its tenant.
    pub tenant_name: String,
}

impl Entry {
    /// Of an account that a password fits.
    pub fn of(matched: &Matched) -> Self {
        Self { candidate: matched.candidate, tenant_name: matched.account.tenant_name.clone() }
    }

    /// Of an account that was just made; it becomes the active one, whose name is looked up with each page.
    pub fn registered(registered: &Registered) -> Self {
        Self {
            candidate: Candidate { tenant: registered.tenant, user: registered.user },
            tenant_name: String::new(),
        }
    }
}

/// Starts a session for each entry, the first of them active, in place of all that were there before.
pub async fn begin(
    request: &HttpRequest,
    context: &Context,
    cookie: &Session,
    entries: &[Entry],
    kind: SessionKind,
) -> Result<Token, Error> {
    for before in
        cookie::token(cookie).into_iter().chain(cookie::others(cookie).into_iter().map(|other| other.token))
    {
        end(context, &before).await?;
    }
    let (active, others) = start(request, context, entries, kind).await?;
    cookie::set_tokens(cookie, &active, &others)?;
    Ok(active)
}

/// Starts a session for each entry, the first of them active, beside those of `user`. A tenant has one
/// session at most, and the longest unused ones give way.
pub async fn add(
    request: &HttpRequest,
    context: &Context,
    cookie: &Session,
    user: &CurrentUser,
    entries: &[Entry],
    kind: SessionKind,
) -> Result<Token, Error> {
    let was_active =
        OtherSession { token: user.token.clone(), tenant_name: user.session.tenant_name.clone() };
    let before = std::iter::once(was_active).chain(cookie::others(cookie));
    let (replaced, kept): (Vec<_>, Vec<_>) = before
        .partition(|session| entries.iter().any(|entry| entry.candidate.tenant == session.token.tenant()));
    for session in replaced {
        end(context, &session.token).await?;
    }
    let (active, mut others) = start(request, context, entries, kind).await?;
    others.extend(kept);
    for session in others.split_off(others.len().min(MOST_SESSIONS - 1)) {
        end(context, &session.token).await?;
    }
    cookie::set_tokens(cookie, &active, &others)?;
    Ok(active)
}

/// Makes another session that is in force the active one, after the active one has ended, and gives its
/// tenant's name; none when there is none, and then the cookie is empty.
pub async fn go_on_elsewhere(context: &Context, cookie: &Session) -> Result<Option<String>, Error> {
    let mut others = cookie::others(cookie);
    while !others.is_empty() {
        let next = others.remove(0);
        let tenant = context.database.tenant(next.token.tenant());
        if let Some(found) = context.sessions.find(&tenant, &next.token).await? {
            cookie::set_tokens(cookie, &next.token, &others)?;
            return Ok(Some(found.session.tenant_name.clone()));
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
    entries: &[Entry],
    kind: SessionKind,
) -> Result<(Token, Vec<OtherSession>), Error> {
    let mut started = Vec::new();
    for Entry { candidate, tenant_name } in entries.iter().take(MOST_SESSIONS) {
        let token = Token::generate(candidate.tenant)?;
        let handle = context.database.tenant(candidate.tenant);
        handle.start_session(candidate.user, &token.hash(), kind, &user_agent(request)).await?;
        started.push(OtherSession { token, tenant_name: tenant_name.clone() });
    }
    if started.is_empty() {
        return Err(Error::LoginRequired);
    }
    if kind == SessionKind::Remembered {
        cookie::remember(request);
    }
    let active = started.remove(0).token;
    Ok((active, started))
}

async fn end(context: &Context, token: &Token) -> Result<(), Error> {
    context.database.tenant(token.tenant()).end_session(&token.hash()).await?;
    context.sessions.forget(token);
    Ok(())
}
