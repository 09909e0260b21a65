//! The guard of the routes that need a login. It knows the user before the body is read, and asks again once
//! the body has arrived: a client may hold the last bytes back until its rights are gone.

use actix_web::dev::Payload;
use actix_web::{HttpMessage, HttpRequest, web};

use super::body;
use super::context::Context;
use super::current_user::{CurrentUser, look_up};
use super::error::Error;
use super::page_tenant;
use super::request_rate::TooSoon;
use super::routes::StreamsBody;
use crate::services::limits;

/// Lets a request through whose session is in force when all of it has arrived. The handler gets the user as
/// of that moment, with the role that the user has then.
///
/// # Errors
/// [`Error::LoginRequired`] without a session in force, [`Error::Database`] when that cannot be known,
/// [`Error::Throttled`] when the user or the organization sends too many requests a second, and
/// [`Error::OtherTenant`] for a form of another tenant's page.
pub async fn require_login(request: &HttpRequest, payload: &mut Payload) -> Result<(), Error> {
    let user = look_up(request).await?;
    admit(request, &user)?;
    if request.app_data::<StreamsBody>().is_none() && body::arrive(request, payload).await {
        // The cache answers for a second, so this rarely costs a statement.
        request.extensions_mut().remove::<CurrentUser>();
        look_up(request).await?;
    }
    page_tenant::admit(request, user.tenant.tenant())
}

fn admit(request: &HttpRequest, user: &CurrentUser) -> Result<(), Error> {
    let Some(context) = request.app_data::<web::Data<Context>>() else { return Ok(()) };
    let admitted = context.rates.admit(user.tenant.tenant(), &user.session);
    admitted.map_err(|TooSoon { limit, retry_after, noted }| {
        if noted {
            let actor = user.actor(request);
            limits::record(&actor.client, limit, &actor.subject());
        }
        Error::Throttled { retry_after }
    })
}
