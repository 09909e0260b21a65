//! The page with the exports and the import.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::frame::{frame_of, page};
use crate::domain::Role;
use crate::transfer::ImportReport;
use crate::web::{CurrentUser, Error, FieldErrors, Frame};

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    frame: Frame,
    tenant_name: String,
    is_owner: bool,
    report: Option<ImportReport>,
    errors: FieldErrors,
}

/// Shows the page.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    transfer_page(StatusCode::OK, &user, &cookie, None, FieldErrors::default())
}

/// The page, with the report of an import.
pub fn transfer_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    report: Option<ImportReport>,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let shown = TransferPage {
        frame: frame_of(user, cookie, "account"),
        tenant_name: user.session.tenant_name.clone(),
        is_owner: user.session.role == Role::Owner,
        report,
        errors,
    };
    page(status, &shown)
}
