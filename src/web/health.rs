//! Health checks for process supervisors and load balancers.

use actix_web::{HttpResponse, web};

use super::context::Context;
use super::error::Error;

/// GET /livez: the process answers requests.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// GET /readyz: the database answers, so the process can serve.
///
/// # Errors
/// 503 when the database does not answer.
pub async fn ready(context: web::Data<Context>) -> Result<HttpResponse, Error> {
    context.services.database.ping().await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n"))
}
