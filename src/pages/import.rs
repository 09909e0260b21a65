//! The import of notes from a ZIP.

use actix_multipart::Multipart;
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;

use super::transfer::transfer_page;
use crate::services::transfer;
use crate::web::{Context, CurrentUser, Error, FieldErrors, upload};

/// Imports the notes of the ZIP in the field `file`. The response is the report itself and no redirect: a
/// reload sends the same ZIP again, and no note is imported twice.
pub async fn create(
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
