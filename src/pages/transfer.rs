//! Leaving with one's notes, and bringing notes along.

use actix_multipart::Multipart;
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::StreamExt;

use super::frame::{frame_of, page};
use crate::domain::Role;
use crate::services::transfer;
use crate::store::Scope;
use crate::transfer::Report;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Frame, download, upload};

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    frame: Frame,
    tenant_name: String,
    is_owner: bool,
    report: Option<Report>,
    errors: FieldErrors,
}

/// What can be taken along and brought.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    transfer_page(StatusCode::OK, &user, &cookie, None, FieldErrors::default())
}

/// One's own notes as a ZIP.
pub async fn export(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let scope = Scope::Of(user.id);
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), scope)?))
}

/// Everything of the organization as a ZIP, for owners.
pub async fn export_organization(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), Scope::Everybody)?))
}

/// Takes the notes of a ZIP in and reports. The report is the answer itself: a reload sends the same archive
/// again, of which nothing is taken twice.
pub async fn import(
    request: HttpRequest,
    user: CurrentUser,
    mut form: Multipart,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let unreadable = |_| Error::BadRequest("The form cannot be read.");
    while let Some(field) = form.next().await {
        let mut field = field.map_err(unreadable)?;
        if field.name() != Some("file") {
            while let Some(piece) = field.next().await {
                piece.map_err(unreadable)?;
            }
            continue;
        }
        let file = upload::to_disk(field).await?;
        let imported = transfer::import(&context.services, &user.actor(&request), file).await;
        return match imported.map_err(Error::from) {
            Ok(report) => transfer_page(StatusCode::OK, &user, &cookie, Some(report), FieldErrors::default()),
            Err(Error::Invalid(errors)) => {
                transfer_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, None, errors)
            }
            Err(error) => Err(error),
        };
    }
    transfer_page(
        StatusCode::UNPROCESSABLE_ENTITY,
        &user,
        &cookie,
        None,
        FieldErrors::one("file", "Choose a ZIP."),
    )
}

fn transfer_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    report: Option<Report>,
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
