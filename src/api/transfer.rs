//! Leaving with everything, and coming in again.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::services::transfer;
use crate::store::Scope;
use crate::transfer::Report;
use crate::web::{Context, CurrentUser, Error, FieldErrors, download, upload};

/// What is exported.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `user` (the token's user's notes, the default) or `organization` (everything of it, for owners).
    #[serde(default)]
    scope: String,
}

/// A ZIP of everything: a Markdown file for each note, and `pigeonhole.json` with earlier texts and shares as
/// well.
///
/// # Errors
/// 403 for an organization's export by anybody but an owner, 422 for a scope that is none.
#[utoipa::path(get, path = "/api/export", params(ExportQuery), security(("bearer" = [])), responses(
    (status = 200, content_type = "application/zip"), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn export(
    request: HttpRequest,
    user: CurrentUser,
    query: web::Query<ExportQuery>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let scope = scope(&query, &user)?;
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), scope)?))
}

fn scope(query: &ExportQuery, user: &CurrentUser) -> Result<Scope, Error> {
    match query.scope.as_str() {
        "" | "user" => Ok(Scope::Of(user.id)),
        "organization" => Ok(Scope::Everybody),
        _ => Err(Error::Invalid(FieldErrors::one("scope", "The scope is user or organization."))),
    }
}

/// Take in the Markdown files of a ZIP, such as one of ours, as notes of the token's user. What came in
/// before is not taken twice, so an import that was interrupted is simply sent again.
///
/// # Errors
/// 413 beyond 256 MiB, 415 for another type, 422 for what is no ZIP.
#[utoipa::path(post, path = "/api/import", request_body(content_type = "application/zip"),
    security(("bearer" = [])), responses(
    (status = 200, body = Report), (status = 401, body = Problem), (status = 413, body = Problem),
    (status = 415, body = Problem), (status = 422, body = Problem)))]
pub async fn import(
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
    let file = upload::to_disk(body).await?;
    Ok(HttpResponse::Ok().json(transfer::import(&context.services, &user.actor(&request), file).await?))
}
