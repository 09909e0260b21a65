//! The shape of an error, for the API's description. The edge writes the errors themselves.

use utoipa::ToSchema;

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
