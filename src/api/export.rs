//! The export of notes as a ZIP.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::store::ExportScope;
use crate::web::{Context, CurrentUser, Error, FieldErrors, download};

/// The query of an export.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `user` (the notes of the token's user, the default) or `organization` (everything in it, for owners).
    #[serde(default)]
    #[param(pattern = "^(user|organization)$")]
    scope: String,
}

/// Export notes as a ZIP: a Markdown file for each note, and `pigeonhole.json` with all notes, their
/// revisions and their shares.
///
/// # Errors
/// 403 when another user than an owner exports the organization, 422 for an unknown scope.
#[utoipa::path(
    get,
    path = "/api/export",
    operation_id = "export_show",
    tag = "transfer",
    params(ExportQuery),
    security(("bearer" = [])),
    responses(
        (status = 200, content_type = "application/zip"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn show(
    request: HttpRequest,
    user: CurrentUser,
    query: web::Query<ExportQuery>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let scope = scope(&query, &user)?;
    download::export(&request, &user, &context, scope)
}

fn scope(query: &ExportQuery, user: &CurrentUser) -> Result<ExportScope, Error> {
    match query.scope.as_str() {
        "" | "user" => Ok(ExportScope::User(user.id)),
        "organization" => Ok(ExportScope::Tenant),
        _ => Err(Error::Invalid(FieldErrors::one("scope", "The scope is user or organization."))),
    }
}
