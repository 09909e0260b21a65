//! A session of the user, by its number.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::SessionId;
use crate::services::sessions;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Ends the session.
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<SessionId>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !sessions::revoke(&context.services, &user.actor(&request), *id).await? {
        return Err(Error::NotFound);
    }
    flash(&cookie, "success", "That session is logged out.");
    Ok(see_other("/account"))
}
