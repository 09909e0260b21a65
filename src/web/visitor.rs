//! The user of a request that only reads. The session is found in the same message as what the handler reads,
//! so that a click costs the database one message. Nothing of it is shown unless the session is in force:
//! [`Visitor::read`] gives nothing else, and [`confirm`] looks at every answer of such a route.

use std::future::{Ready, ready};

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::current_user::{self, CurrentUser, KnownLogin, UnknownLogin, look_up};
use super::error::Error;
use super::request_pace;
use crate::db::{Steps, Viewer};

/// Marks the requests to a path that has a row with [`super::Route::finds_user_with_reads`].
#[derive(Clone, Copy)]
pub struct FindsUserWithReads;

/// The user of a request that only reads, who may still have to be found.
pub struct Visitor(HttpRequest);

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

impl Visitor {
    /// The user, with what `reads` reads for the user.
    ///
    /// # Errors
    /// Those of [`super::require_login`].
    pub(crate) async fn read<R: Steps>(
        &self,
        reads: impl Fn(Viewer) -> R,
    ) -> Result<(CurrentUser, R::Output), Error> {
        let login = self.0.extensions_mut().remove::<UnknownLogin>();
        let Some(login) = login else {
            let user = self.user().await?;
            let output = user.tenant.transaction(reads(user.id.into())).await?;
            return Ok((user, output));
        };
        let (user, output) = current_user::find(&self.0, &login, reads).await?;
        request_pace::admit(&self.0, &user)?;
        Ok((user, output))
    }

    /// The user.
    ///
    /// # Errors
    /// Those of [`super::require_login`].
    pub async fn user(&self) -> Result<CurrentUser, Error> {
        user_of(&self.0).await
    }
}

/// Leaves the lookup of the session to the handler, unless the process knows the session.
///
/// # Errors
/// Those of [`super::require_login`] that need no lookup.
pub(super) fn defer(request: &HttpRequest) -> Result<(), Error> {
    match current_user::known(request)? {
        KnownLogin::User(user) => request_pace::admit(request, &user),
        KnownLogin::Token(login) => {
            request.extensions_mut().insert(login);
            Ok(())
        }
    }
}

/// Lets the answer of a handler through if its session was found. Looks the session up if the handler did
/// not, because it refused the request for another reason: only users learn that reason.
///
/// # Errors
/// Those of [`super::require_login`].
pub(super) async fn confirm(answer: &ServiceResponse) -> Result<(), Error> {
    let request = answer.request();
    if request.extensions().get::<UnknownLogin>().is_some() {
        return user_of(request).await.map(drop);
    }
    // Without a user the lookup failed, and the answer is its error.
    let is_confirmed = request.extensions().get::<CurrentUser>().is_some();
    let is_error = answer.response().error().is_some();
    if is_confirmed || is_error { Ok(()) } else { Err(Error::LoginRequired) }
}

async fn user_of(request: &HttpRequest) -> Result<CurrentUser, Error> {
    let login = request.extensions_mut().remove::<UnknownLogin>();
    let Some(login) = login else {
        return match CurrentUser::known(request) {
            Some(user) => Ok(user),
            None => look_up(request).await,
        };
    };
    let (user, ()) = current_user::find(request, &login, |_| ()).await?;
    request_pace::admit(request, &user)?;
    Ok(user)
}
