//! The export of notes as a ZIP.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::services::transfer;
use crate::store::Scope;
use crate::web::{Context, CurrentUser, Error, FieldErrors, download};

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
#[utoipa::path(
    get,
    path = "/api/export",
    operation_id = "export",
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
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), scope)?))
}

fn scope(query: &ExportQuery, user: &CurrentUser) -> Result<Scope, Error> {
    match query.scope.as_str() {
        "" | "user" => Ok(Scope::Of(user.id)),
        "organization" => Ok(Scope::Everybody),
        _ => Err(Error::Invalid(FieldErrors::one("scope", "The scope is user or organization."))),
    }
}
