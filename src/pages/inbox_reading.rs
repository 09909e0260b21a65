//! The reading of the whole inbox.

use actix_session::Session;
use actix_web::HttpResponse;

use crate::web::cookie::flash;
use crate::web::{CurrentUser, Error, see_other};

/// Marks every note in the inbox as read.
pub async fn create(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    user.session.unread.set(user.tenant.mark_all_read(user.id).await?);
    flash(&cookie, "success", "Everything in the inbox is marked as read.");
    Ok(see_other("/inbox"))
}
