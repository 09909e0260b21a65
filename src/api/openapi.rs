//! The description of the API, made from the code of its handlers (OpenAPI 3.1).

use actix_web::HttpResponse;
use serde_json::Value;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::openapi_errors;
use super::problem::{Problem, ProblemField};
use super::{
    acceptances, deliveries, export, import, inbox, inbox_reading, invitations, login, logout, me, members,
    note_list, notes, registration, search, shares, tasks, usage,
};
use crate::web::Error;

#[derive(OpenApi)]
#[openapi(
    info(title = "Pigeonhole", description = "Notes for many organizations at once."),
    paths(
        registration::create,
        login::create,
        logout::create,
        me::show,
        usage::show,
        note_list::index,
        notes::create,
        notes::show,
        notes::update,
        notes::delete,
        tasks::update,
        search::index,
        shares::index,
        shares::create,
        shares::delete,
        deliveries::index,
        inbox::index,
        inbox_reading::create,
        export::show,
        import::create,
        members::index,
        members::update,
        members::delete,
        invitations::index,
        invitations::create,
        invitations::delete,
        acceptances::create,
        show,
    ),
    components(schemas(Problem, ProblemField)),
    modifiers(&BearerToken)
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_default()
            .security_schemes
            .insert("bearer".to_owned(), scheme.into());
    }
}

/// The OpenAPI document.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(Description::openapi())?;
    openapi_errors::complete(&mut document);
    Ok(document)
}

/// Show this description.
///
/// # Errors
/// 500 when it cannot be written as JSON.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "openapi_show",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
    ),
)]
pub async fn show() -> Result<HttpResponse, Error> {
    let document =
        document().map_err(|error| Error::Internal("writing the API's description", error.into()))?;
    Ok(HttpResponse::Ok().json(document))
}
