//! The cancellation of the organization's deletion. For owners.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use super::organization::permit_owner;
use crate::services::organization;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Cancels the deletion.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit_owner(&user)?;
    organization::cancel_deletion(&context.services, &user.actor(&request)).await?;
    flash(&cookie, "success", "The organization stays.");
    Ok(see_other("/organization"))
}
