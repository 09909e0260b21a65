//! The frame of a private page, and the response with a page.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::format::Timestamp;
use crate::web::cookie::take_flash;
use crate::web::{CurrentUser, Error, Frame};

/// The frame of a private page, in which `section` is marked in the navigation.
pub fn frame_of(user: &CurrentUser, cookie: &Session, section: &'static str) -> Frame {
    let mut frame = Frame::of_user(user, cookie);
    if let Some(in_frame) = &mut frame.user {
        in_frame.ends = user.session.delete_after.map(|end| Timestamp(end).to_string());
    }
    Frame { flash: take_flash(cookie), section, ..frame }
}

/// The response with a page.
pub fn page(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page.render()?))
}
