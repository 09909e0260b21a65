//! Leaving with everything, and coming in again.

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::domain::Role;
use crate::store::Scope;
use crate::transfer::{self, Exported, ImportError, Report};
use crate::web::audit::{self, Subject};
use crate::web::{Context, CurrentUser, Error, FieldErrors, upload};

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
    send(&request, &user, &query.scope, &context)
}

/// The download that pages and API share.
///
/// # Errors
/// As [`export`].
pub fn send(
    request: &HttpRequest,
    user: &CurrentUser,
    scope: &str,
    context: &Context,
) -> Result<HttpResponse, Error> {
    let scope = match scope {
        "" | "user" => Scope::Of(user.id),
        "organization" if user.session.role == Role::Owner => Scope::Everybody,
        "organization" => {
            return Err(Error::Forbidden("Only an owner takes everything of an organization along."));
        }
        _ => return Err(Error::Invalid(FieldErrors::one("scope", "The scope is user or organization."))),
    };
    audit::record(
        request,
        if scope == Scope::Everybody { "exported the organization" } else { "exported notes" },
        &Subject::of(&user.tenant, user.id),
    );
    let exported = Exported {
        tenant: user.tenant.tenant(),
        tenant_name: user.session.tenant_name.clone(),
        scope,
        username: user.session.username.clone(),
    };
    let name = format!("attachment; filename=\"pigeonhole-{}.zip\"", chrono::Utc::now().format("%F"));
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((header::CONTENT_DISPOSITION, name))
        // It is packed already.
        .insert_header(ContentEncoding::Identity)
        .streaming(transfer::export(context.database.clone(), exported)))
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
    Ok(HttpResponse::Ok().json(take_in(&request, &user, upload::to_disk(body).await?, &context).await?))
}

/// Takes an archive in, for pages and API alike.
///
/// # Errors
/// As [`import`].
pub async fn take_in(
    request: &HttpRequest,
    user: &CurrentUser,
    file: std::fs::File,
    context: &Context,
) -> Result<Report, Error> {
    let report = transfer::import(&context.database, user.tenant.tenant(), user.id, file).await;
    audit::record(request, "imported notes", &Subject::of(&user.tenant, user.id));
    report.map_err(|error| match error {
        ImportError::NoArchive => {
            Error::Invalid(FieldErrors::one("file", "This is no ZIP, or a broken one."))
        }
        ImportError::Database(error) => Error::Database(error),
    })
}
