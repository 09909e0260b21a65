//! The login of a request: how it is found, and the extractor that handlers take.

use std::sync::Arc;

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::client_address::client_address_of;
use super::context::Context;
use super::cookie;
use super::error::Error;
use super::request_info::is_api_path;
use crate::auth::{Token, UnknownSecret};
use crate::db::{Steps, TenantHandle, Viewer};
use crate::domain::{Invalid, Role, TenantId, UserId};
use crate::services::{Client, Services, sessions};
use crate::store::{Session, SessionKind, UnreadLookup};

/// The user whose session a request carries, with the handle on that user's tenant: pages take the cookie's
/// token, the API the bearer token, and never the other way round.
#[derive(Clone)]
pub struct CurrentUser {
    pub tenant: TenantHandle,
    pub id: UserId,
    pub session: Arc<Session>,
    /// The session's secret.
    pub token: Token,
}

impl CurrentUser {
    /// The user of a request, if the session has been found already.
    pub fn known(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Whether this user may invite people, and for `role` where one is given.
    ///
    /// # Errors
    /// 403 when the user may not.
    pub fn permit_inviting(&self, role: Option<Role>) -> Result<(), Error> {
        self.session.role.may_invite(role).map_err(|Invalid(sentence)| Error::Forbidden(sentence))
    }
}

/// What the request guard writes of a token that gave no session. It is kept in the extensions of the
/// request.
pub enum RefusedToken {
    /// It is none of ours.
    Unreadable,
    /// It names this tenant, and its session is unknown or has ended.
    NotInForce(TenantId),
}

impl FromRequest for CurrentUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            match Self::known(&request) {
                Some(user) => Ok(user),
                None => look_up(&request).await,
            }
        }
        .boxed_local()
    }
}

/// What the process knows of a request's login before it asks the database.
pub(super) enum KnownLogin {
    /// The session was looked up less than a second ago.
    User(CurrentUser),
    /// The token's session is still to be found.
    Token(UnknownLogin),
}

/// The token of a request whose session is still to be found.
#[derive(Clone)]
pub(super) struct UnknownLogin {
    token: Token,
    counted: UnreadLookup,
}

/// Finds the session. The user is kept with the request: [`CurrentUser`] does not look the session up a
/// second time, and lines of the log name the user.
///
/// # Errors
/// Those of [`super::require_login`] but for the rate of requests.
pub(super) async fn look_up(request: &HttpRequest) -> Result<CurrentUser, Error> {
    match known(request)? {
        KnownLogin::User(user) => Ok(user),
        KnownLogin::Token(login) => Ok(find(request, &login, |_| ()).await?.0),
    }
}

/// What is known of the login. A user is kept with the request.
///
/// # Errors
/// [`Error::LoginRequired`] without a token, and the error of too many tokens that were not found.
pub(super) fn known(request: &HttpRequest) -> Result<KnownLogin, Error> {
    let (token, counted) = token_of(request);
    let context = context_of(request)?;
    let Some(token) = token else {
        let unreadable = match counted {
            UnreadLookup::Skip => request.headers().contains_key(header::AUTHORIZATION),
            UnreadLookup::Count => cookie::is_unreadable(request, &context.cookies),
        };
        if unreadable {
            request.extensions_mut().insert(RefusedToken::Unreadable);
        }
        return Err(Error::LoginRequired);
    };
    Guesses::of(request, &context).refuse_known()?;
    let Some(session) = context.services.session_cache.known(&token) else {
        return Ok(KnownLogin::Token(UnknownLogin { token, counted }));
    };
    let tenant = context.services.database.claimed_tenant(token.tenant()).confirmed();
    Ok(KnownLogin::User(keep(request, CurrentUser { tenant, id: session.user, session, token })))
}

/// Looks the session of a token up, together with what `reads` reads for its user. The user is kept with the
/// request.
///
/// # Errors
/// As [`look_up`].
pub(super) async fn find<R: Steps>(
    request: &HttpRequest,
    login: &UnknownLogin,
    reads: impl Fn(Viewer) -> R,
) -> Result<(CurrentUser, R::Output), Error> {
    let context = context_of(request)?;
    let token = login.token.clone();
    let tenant = context.services.database.claimed_tenant(token.tenant());
    let found = context.services.session_cache.look_up(&tenant, &token, login.counted, reads).await?;
    let Some((session, output)) = found else {
        request.extensions_mut().insert(RefusedToken::NotInForce(token.tenant()));
        return Err(Guesses::of(request, &context).count().await);
    };
    let tenant = tenant.confirmed();
    Ok((keep(request, CurrentUser { tenant, id: session.user, session, token }), output))
}

fn keep(request: &HttpRequest, user: CurrentUser) -> CurrentUser {
    if user.session.kind == SessionKind::Remembered {
        cookie::remember(request);
    }
    request.extensions_mut().insert(user.clone());
    user
}

fn context_of(request: &HttpRequest) -> Result<web::Data<Context>, Error> {
    request.app_data::<web::Data<Context>>().cloned().ok_or(Error::LoginRequired)
}

/// Tokens of a client that belong to no session.
struct Guesses<'a> {
    services: &'a Services,
    client: Client,
    /// None for a form of a page: it may carry a text, which comes back with the login page.
    secret: Option<UnknownSecret>,
}

impl<'a> Guesses<'a> {
    fn of(request: &HttpRequest, context: &'a Context) -> Self {
        let secret = if is_api_path(request.path()) {
            Some(UnknownSecret::BearerToken)
        } else {
            matches!(*request.method(), Method::GET | Method::HEAD).then_some(UnknownSecret::Cookie)
        };
        let client = Client { address: client_address_of(request), user_agent: String::new() };
        Self { services: &context.services, client, secret }
    }

    fn refuse_known(&self) -> Result<(), Error> {
        match self.secret {
            Some(secret) => Ok(sessions::before_lookup(self.services, &self.client, secret)?),
            None => Ok(()),
        }
    }

    /// Counts a token that was not found, and gives the error of its request.
    async fn count(&self) -> Error {
        let Some(secret) = self.secret else { return Error::LoginRequired };
        match sessions::count_unknown(self.services, &self.client, secret).await {
            Ok(()) => Error::LoginRequired,
            Err(throttled) => throttled.into(),
        }
    }
}

/// The token of a request, and what its session's lookup counts: pages show the number of unread notes, the
/// API does not.
fn token_of(request: &HttpRequest) -> (Option<Token>, UnreadLookup) {
    if is_api_path(request.path()) {
        (bearer(request), UnreadLookup::Skip)
    } else {
        (cookie::token(&request.get_session()), UnreadLookup::Count)
    }
}

/// The token of the one Authorization header (RFC 6750, 2.1; the scheme's case does not matter).
fn bearer(request: &HttpRequest) -> Option<Token> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(only), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim()))?
}
