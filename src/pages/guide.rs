//! The guide to the API.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::frame::page;
use crate::web::{Context, Error, Frame};

#[derive(Template)]
#[template(path = "api.html")]
struct GuidePage {
    frame: Frame,
    origin: String,
}

/// Shows the calls, with examples to paste.
pub async fn show(context: web::Data<Context>, cookie: Session) -> Result<HttpResponse, Error> {
    page(
        StatusCode::OK,
        &GuidePage { frame: Frame::public(&cookie, "api"), origin: context.site.first_origin().to_owned() },
    )
}
