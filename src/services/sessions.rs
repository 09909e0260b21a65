//! Login sessions: start, find and end them.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::audit::{self, Subject};
use super::{Actor, Client, ServiceError, Services, limits};
use crate::auth::{ThrottleError, Token, UnknownSecret};
use crate::db::DbError;
use crate::domain::SessionId;
use crate::store::{Candidate, NewSession, Session, SessionKind};

/// Why a session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedBy {
    /// A password was checked.
    Login,
    /// The account was just made, for which the security log has a line already.
    Registration,
}

/// A session that has just started.
pub struct StartedSession {
    /// The session's secret, of which the database keeps only a hash.
    pub token: Token,
    pub expires_at: DateTime<Utc>,
}

/// Starts a session of an account.
///
/// # Errors
/// [`ServiceError`]; there is no new session then.
pub async fn start(
    services: &Services,
    client: &Client,
    account: Candidate,
    kind: SessionKind,
    started_by: StartedBy,
) -> Result<StartedSession, ServiceError> {
    let token = Token::generate(account.tenant)?;
    let tenant = services.database.tenant(account.tenant);
    let subject = Subject::User(account.tenant, account.user);
    let started = tenant.start_session(account.user, &token.hash(), kind, &client.user_agent).await;
    let NewSession { expires_at, ended } = limits::record_refusal(client, &subject, started)?;
    if ended > 0 {
        services.session_cache.forget_all();
        audit::record(client, "ended the session unused for longest, as a limit was reached", &subject);
    }
    if started_by == StartedBy::Login {
        audit::record(client, "logged in", &subject);
    }
    Ok(StartedSession { token, expires_at })
}

/// The session of a browser's token; none when it has ended.
///
/// # Errors
/// [`DbError`] of the lookup.
pub async fn find(services: &Services, token: &Token) -> Result<Option<Arc<Session>>, DbError> {
    let tenant = services.database.claimed_tenant(token.tenant());
    let found = services.session_cache.find(&tenant, token).await?;
    Ok(found.inspect(|_| drop(tenant.confirmed())))
}

/// Refuses to look a token up after too many of the client that do not exist; see [`count_unknown`].
///
/// # Errors
/// [`ServiceError::Throttled`].
pub fn before_lookup(
    services: &Services,
    client: &Client,
    secret: UnknownSecret,
) -> Result<(), ServiceError> {
    Ok(services.throttle.before_lookup(secret, client.address)?)
}

/// Counts a token that belongs to no session in force. A failure of the database is no reason for another
/// answer.
///
/// # Errors
/// [`ServiceError::Throttled`] for too many of the client.
pub async fn count_unknown(
    services: &Services,
    client: &Client,
    secret: UnknownSecret,
) -> Result<(), ServiceError> {
    match services.throttle.not_found(secret, client.address).await {
        Err(ThrottleError::Refused(wait)) => {
            audit::refused(client.address, "unknown tokens throttled", "", &Subject::Stranger);
            Err(ServiceError::Throttled(wait))
        }
        _ => Ok(()),
    }
}

/// Ends the session of a token, when another session replaces it.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn end(services: &Services, token: &Token) -> Result<(), DbError> {
    services.database.tenant(token.tenant()).end_session(&token.hash()).await?;
    services.session_cache.forget(token);
    Ok(())
}

/// Ends the session of the request. It ends in the database, so that a copy of the token is worthless.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn log_out(services: &Services, actor: &Actor<'_>, token: &Token) -> Result<(), DbError> {
    end(services, token).await?;
    audit::record(&actor.client, "logged out", &actor.subject());
    Ok(())
}

/// Ends one of the actor's sessions, and returns false when there is no such session.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn revoke(services: &Services, actor: &Actor<'_>, session: SessionId) -> Result<bool, DbError> {
    let ended = actor.tenant.end_session_of(actor.user(), session).await?;
    if ended {
        services.session_cache.forget_all();
        audit::record(&actor.client, "ended a session", &actor.subject());
    }
    Ok(ended)
}

/// Ends all of the actor's sessions but that of the request.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn revoke_others(services: &Services, actor: &Actor<'_>) -> Result<(), DbError> {
    actor.tenant.end_other_sessions(actor.user(), actor.session.id).await?;
    services.session_cache.forget_all();
    audit::record(&actor.client, "ended all other sessions", &actor.subject());
    Ok(())
}
