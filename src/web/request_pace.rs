//! Admits the requests of users at the rates of `request_rate`.

use actix_web::{HttpRequest, web};

use super::context::Context;
use super::current_user::CurrentUser;
use super::error::Error;
use super::request_rate::TooSoon;
use crate::services::limits;

/// Counts a request of a user, and writes a refusal to the log.
///
/// # Errors
/// [`Error::Throttled`] when the user or the organization sends too many requests a second.
pub(super) fn admit(request: &HttpRequest, user: &CurrentUser) -> Result<(), Error> {
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
