//! The guard of the routes that need a login. It knows the user before the body is read, and asks again once
//! the body has arrived: a client may hold the last bytes back until its rights are gone.

use actix_web::dev::Payload;
use actix_web::{HttpMessage, HttpRequest};

use super::body;
use super::current_user::{CurrentUser, look_up};
use super::error::Error;
use super::page_tenant;
use super::request_pace;
use super::routes::StreamsBody;
use super::visitor::{self, FindsUserWithReads};

/// Lets a request through whose session is in force when all of it has arrived. The handler gets the user as
/// of that moment, with the role that the user has then. A handler that only reads may find the session
/// itself (`visitor`).
///
/// # Errors
/// [`Error::LoginRequired`] without a session in force, [`Error::Database`] when that cannot be known,
/// [`Error::Throttled`] when the user or the organization sends too many requests a second, and
/// [`Error::OtherTenant`] for a form of another tenant's page.
pub async fn require_login(request: &HttpRequest, payload: &mut Payload) -> Result<(), Error> {
    if request.app_data::<FindsUserWithReads>().is_some() && request.method().is_safe() {
        return visitor::defer(request);
    }
    let user = look_up(request).await?;
    request_pace::admit(request, &user)?;
    if request.app_data::<StreamsBody>().is_none() && body::arrive(request, payload).await {
        // The cache answers for a second, so this rarely costs a statement.
        request.extensions_mut().remove::<CurrentUser>();
        look_up(request).await?;
    }
    page_tenant::admit(request, user.tenant.tenant())
}
