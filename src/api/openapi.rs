//! The description of the API, made from the code of its handlers (OpenAPI 3.1).

use actix_web::HttpResponse;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{login, me, notes, registration};
use crate::web::Error;

/// An error (RFC 9457, application/problem+json).
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its shape is used: the edge writes every problem")]
pub struct Problem {
    /// Always `about:blank`: the status says it all.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// A sentence for a person.
    detail: String,
    /// The number of the request in the server's log.
    request_id: String,
    /// What is wrong with which field.
    errors: Vec<ProblemField>,
}

/// A message about one field.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its shape is used: the edge writes every problem")]
pub struct ProblemField {
    /// The field's name; empty for the body as a whole.
    field: String,
    /// A sentence for a person.
    message: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Pigeonhole", description = "Notes for many organizations at once."),
    paths(
        registration::create, login::create, login::destroy, me::show, notes::index, notes::create, notes::show, notes::update,
        notes::destroy, show
    ),
    components(schemas(Problem, ProblemField)),
    modifiers(&BearerToken)
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().security_schemes.insert("bearer".to_owned(), scheme.into());
    }
}

/// The description.
pub fn document() -> Document {
    Description::openapi()
}

/// This description.
///
/// # Errors
/// [`Error::Internal`] when it cannot be written as JSON.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn show() -> Result<HttpResponse, Error> {
    let body = document().to_json().map_err(|error| Error::Internal("writing the API's description", error.into()))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}
