//! The reading of the whole inbox.

use actix_web::HttpResponse;

use super::problem::Problem;
use crate::web::{CurrentUser, Error};

/// Mark every note in the inbox as read.
///
/// # Errors
/// 401 without a valid token.
#[utoipa::path(
    post,
    path = "/api/inbox/reading",
    operation_id = "inbox_reading_create",
    tag = "inbox",
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
    ),
)]
pub async fn create(user: CurrentUser) -> Result<HttpResponse, Error> {
    user.session.unread.set(user.tenant.mark_all_read(user.id).await?);
    Ok(HttpResponse::NoContent().finish())
}
