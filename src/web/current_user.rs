//! The extractor that stands before everything private.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::context::Context;
use super::cookie;
use super::error::Error;
use crate::auth::Token;
use crate::db::TenantHandle;
use crate::domain::{Invalid, Role, UserId};
use crate::store::{Counted, Session, SessionKind};

/// The user whose session a request carries, with the handle on that user's tenant: pages take the cookie's
/// token, the API the bearer token, and never the other way round.
pub struct CurrentUser {
    /// The rows that the request may reach.
    pub tenant: TenantHandle,
    /// The user.
    pub id: UserId,
    /// The session and what belongs to it.
    pub session: Arc<Session>,
    /// The session's secret.
    pub token: Token,
}

impl CurrentUser {
    /// Whether this user invites, and for `role` where one is named.
    ///
    /// # Errors
    /// 403 for those who may not.
    pub fn permit_inviting(&self, role: Option<Role>) -> Result<(), Error> {
        self.session.role.may_invite(role).map_err(|Invalid(sentence)| Error::Forbidden(sentence))
    }
}

type Extraction = Pin<Box<dyn Future<Output = Result<CurrentUser, Error>>>>;

impl FromRequest for CurrentUser {
    type Error = Error;
    type Future = Extraction;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (token, counted) = token_of(request);
        let context = request.app_data::<web::Data<Context>>().cloned();
        let request = request.clone();
        Box::pin(async move {
            let (Some(token), Some(context)) = (token, context) else { return Err(Error::LoginRequired) };
            let tenant = context.database.tenant(token.tenant());
            let found =
                context.sessions.look_up(&tenant, &token, counted).await?.ok_or(Error::LoginRequired)?;
            let session = found.session;
            if found.looked_up && session.stale {
                note_use(&tenant, &token);
            }
            if session.kind == SessionKind::Remembered {
                cookie::remember(&request);
            }
            Ok(Self { tenant, id: session.user, session, token })
        })
    }
}

/// Scripts see no frame, so nothing is counted for it.
fn token_of(request: &HttpRequest) -> (Option<Token>, Counted) {
    if request.path().starts_with("/api/") {
        (bearer(request), Counted::Nothing)
    } else {
        (cookie::token(&request.get_session()), Counted::Unread)
    }
}

/// The token of the one Authorization header (RFC 6750, 2.1; the scheme's case does not matter).
fn bearer(request: &HttpRequest) -> Option<Token> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(only), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim()))?
}

/// Writes down, beside the request, that the session is in use. Once a minute is enough to tell an idle one.
fn note_use(tenant: &TenantHandle, token: &Token) {
    let (tenant, hash) = (tenant.clone(), token.hash());
    tokio::spawn(async move {
        if let Err(error) = tenant.touch_session(&hash).await {
            log::warn!("a session's use could not be written down: {error}");
        }
    });
}
