//! The import of notes from a ZIP.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::transfer::transfer_page;
use crate::web::upload::Upload;
use crate::web::{Context, CurrentUser, Error, FieldErrors};

/// Imports the notes of the ZIP in the field `file`. The response is the report itself and no redirect: a
/// reload sends the same ZIP again, and no note is imported twice.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    body: web::Payload,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let upload = Upload::of(&request, &user, &context);
    match upload.import(upload.from_form(body)).await {
        Ok(report) => transfer_page(StatusCode::OK, &user, &cookie, Some(report), FieldErrors::default()),
        Err(error) => {
            let (status, errors) = (error.status_code(), beside_the_file(error)?);
            transfer_page(status, &user, &cookie, None, errors)
        }
    }
}

/// The message that the page shows beside the field.
fn beside_the_file(error: Error) -> Result<FieldErrors, Error> {
    match error {
        Error::Invalid(errors) => Ok(errors),
        Error::Prevented(sentence) | Error::Overloaded(sentence) => Ok(FieldErrors::one("file", sentence)),
        Error::TooLarge => {
            Ok(FieldErrors::one("file", "This file is larger than this server takes: 256 MiB at most."))
        }
        error => Err(error),
    }
}
