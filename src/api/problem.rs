//! The schema of an error, for the API's description. `web::error_response` writes the errors.

use utoipa::ToSchema;

/// An error (RFC 9457, application/problem+json).
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its shape is used: the edge writes every problem")]
pub struct Problem {
    /// Always `about:blank`, as the status identifies the problem.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// A sentence for the user.
    detail: String,
    /// The id of the request in the server's log.
    request_id: String,
    /// The messages about fields.
    errors: Vec<ProblemField>,
}

/// A message about one field.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its shape is used: the edge writes every problem")]
pub struct ProblemField {
    /// The field's name; empty for the whole body. For a limit that is reached the name of the limit, such as
    /// notes.
    field: String,
    /// A sentence for the user.
    message: String,
}
