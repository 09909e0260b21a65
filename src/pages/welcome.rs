//! The start page for visitors.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::frame::page;
use crate::web::{CurrentUser, Error, Frame, see_other};

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    frame: Frame,
}

/// Shows the start page, or redirects a logged-in user to the dashboard.
pub async fn show(user: Result<CurrentUser, Error>, cookie: Session) -> Result<HttpResponse, Error> {
    match user {
        Ok(_) => Ok(see_other("/dashboard")),
        Err(_) => page(StatusCode::OK, &WelcomePage { frame: Frame::public(&cookie, "") }),
    }
}
