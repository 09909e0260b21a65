//! The frame of a private page, and the response with a page.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::format::Timestamp;
use crate::web::cookie::{self, OtherSession};
use crate::web::frame::{FrameTenant, FrameUser, UnreadCount};
use crate::web::idempotency::form_number;
use crate::web::page_tenant::of_tenant;
use crate::web::{CurrentUser, Error, Frame};

/// The frame of a private page, in which `section` is marked in the navigation.
pub fn frame_of(user: &CurrentUser, cookie: &Session, section: &'static str) -> Frame {
    let in_frame = FrameUser {
        username: user.session.username.clone(),
        tenant_name: user.session.tenant_name.clone(),
        role: user.session.role.as_str().to_owned(),
        unread: UnreadCount(user.session.unread.get()),
        others: cookie::others(cookie).into_iter().map(frame_tenant).collect(),
        ends: user.session.delete_after.map(|end| Timestamp(end).to_string()),
    };
    // Without randomness the form only loses the protection against a second click.
    let form_number = form_number().unwrap_or_default();
    let of_tenant = of_tenant(user.tenant.tenant());
    Frame { user: Some(in_frame), form_number, of_tenant, ..Frame::public(cookie, section) }
}

fn frame_tenant(other: OtherSession) -> FrameTenant {
    FrameTenant { number: other.token.tenant().number(), name: other.tenant_name }
}

/// The response with a page.
pub fn page(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page.render()?))
}
