//! The import of notes from a ZIP.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::problem::Problem;
use crate::transfer::ImportReport;
use crate::web::upload::Upload;
use crate::web::{Context, CurrentUser, Error};

/// Import the Markdown files of a ZIP, such as an export, as notes of the token's user. No note is imported
/// twice, so an interrupted import is continued by sending the same ZIP again.
///
/// # Errors
/// 408 for a body that arrives too slowly, 409 while another import of the user runs, 413 for more than 256
/// MiB, 415 for another type, 422 for a file that is no ZIP or one that is refused, 503 without space.
#[utoipa::path(
    post,
    path = "/api/import",
    operation_id = "import_create",
    tag = "transfer",
    request_body(content_type = "application/zip"),
    security(("bearer" = [])),
    responses(
        (status = 200, body = ImportReport),
        (status = 401, body = Problem),
        (status = 408, body = Problem),
        (status = 409, body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    body: web::Payload,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.eq_ignore_ascii_case("application/zip") {
        return Err(Error::UnsupportedMediaType);
    }
    let upload = Upload::of(&request, &user, &context);
    let report = upload.import(upload.from_body(body)).await?;
    Ok(HttpResponse::Ok().json(report))
}
