//! A file that is sent while it is written.

use std::io;

use actix_web::http::Method;
use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use futures_util::{Stream, stream};

use super::context::Context;
use super::current_user::CurrentUser;
use super::error::Error;
use super::upload_quota::UploadQuota;
use crate::services::transfer;
use crate::store::ExportScope;

/// Sends an export. HEAD is answered like GET, without an export.
///
/// # Errors
/// 403 when another user than an owner exports the organization.
pub fn export(
    request: &HttpRequest,
    user: &CurrentUser,
    context: &Context,
    scope: ExportScope,
) -> Result<HttpResponse, Error> {
    let actor = user.actor(request);
    if request.method() == Method::HEAD {
        transfer::permit_export(&actor, scope)?;
        return Ok(zip(stream::empty()));
    }
    let quota = UploadQuota::of_list(request, user, context);
    Ok(zip(transfer::export(&context.services, &actor, &user.token, scope, quota)?))
}

/// A ZIP, which browsers save under a name with today's date.
fn zip(archive: impl Stream<Item = Result<Bytes, io::Error>> + 'static) -> HttpResponse {
    let name = format!("attachment; filename=\"pigeonhole-{}.zip\"", Utc::now().format("%F"));
    HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((header::CONTENT_DISPOSITION, name))
        // A ZIP is compressed already.
        .insert_header(ContentEncoding::Identity)
        .streaming(archive)
}
