//! The user of the token.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::web::{CurrentUser, Error};

/// The user of the token.
#[derive(Serialize, ToSchema)]
pub struct Me {
    user_id: i64,
    username: String,
    /// owner, admin or member.
    role: &'static str,
    tenant_id: i64,
    tenant_name: String,
}

/// Show the token's user.
///
/// # Errors
/// 401 without a valid token.
#[utoipa::path(
    get,
    path = "/api/me",
    operation_id = "me_show",
    security(("bearer" = [])),
    responses(
        (status = 200, body = Me),
        (status = 401, body = Problem),
    ),
)]
pub async fn show(user: CurrentUser) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(Me {
        user_id: user.id.number(),
        role: user.session.role.as_str(),
        tenant_id: user.tenant.tenant().number(),
        username: user.session.username.clone(),
        tenant_name: user.session.tenant_name.clone(),
    }))
}
