//! Signs of life for whoever watches this process.

use actix_web::{HttpResponse, web};

use super::context::Context;
use super::error::Error;

/// The process lives.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// The process can serve: its database answers.
pub async fn ready(context: web::Data<Context>) -> Result<HttpResponse, Error> {
    context.services.database.ping().await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n"))
}
