//! The user's sessions other than that of the request.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::services::sessions;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Ends these sessions.
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    sessions::revoke_others(&context.services, &user.actor(&request)).await?;
    flash(&cookie, "success", "Every other session is logged out.");
    Ok(see_other("/account"))
}
