//! Logout.

use actix_web::{HttpRequest, HttpResponse, web};

use super::problem::Problem;
use crate::services::sessions;
use crate::web::{Context, CurrentUser, Error};

/// Log out, which ends the token.
///
/// # Errors
/// 401 without a valid token.
#[utoipa::path(
    post,
    path = "/api/logout",
    operation_id = "logout_create",
    tag = "login",
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    sessions::log_out(&context.services, &user.actor(&request), &user.token).await?;
    Ok(HttpResponse::NoContent().finish())
}
