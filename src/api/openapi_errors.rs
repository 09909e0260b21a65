//! What all calls of the API have in common in its description: the errors that any call may have, their
//! type `application/problem+json`, and the bounds of ids and keys. It is added to the document in one place,
//! so that no call can forget it.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// Errors of every call: a foreign host, too many requests, a database that does not answer.
const OF_ALL: [u16; 3] = [421, 429, 503];
/// Errors of calls with a body: it breaks off, is slow, too large, of another type, or does not fit.
const OF_BODIES: [u16; 5] = [400, 408, 413, 415, 422];

/// Completes the calls of a document.
pub fn complete(document: &mut Value) {
    let mut shared = Map::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(|paths| paths.values_mut().filter_map(Value::as_object_mut));
    for operation in items.flat_map(|item| item.values_mut().filter_map(Value::as_object_mut)) {
        bound_parameters(operation);
        let statuses = statuses_of(operation);
        let responses = operation.entry("responses").or_insert_with(|| json!({}));
        let Some(responses) = responses.as_object_mut() else { continue };
        for status in statuses {
            responses.entry(status.to_string()).or_insert_with(|| json!({}));
        }
        for (status, response) in responses {
            complete_response(status, response);
            share(status, response, &mut shared);
        }
    }
    document["components"]["responses"] = Value::Object(shared);
}

/// Writes an error that several calls have once, so that the document stays short enough to be compressed.
fn share(status: &str, response: &mut Value, shared: &mut Map<String, Value>) {
    if response["content"]["application/problem+json"].is_null() {
        return;
    }
    let first = shared.entry(status).or_insert_with(|| response.clone());
    if first == response {
        *response = json!({ "$ref": format!("#/components/responses/{status}") });
    }
}

/// The errors that a call may have whatever it does.
fn statuses_of(operation: &Map<String, Value>) -> Vec<u16> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has = |place: &str| {
        parameters.is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == place))
    };
    let mut statuses = OF_ALL.to_vec();
    if operation.contains_key("requestBody") {
        statuses.extend(OF_BODIES);
    }
    if operation.contains_key("security") {
        statuses.push(401);
    }
    if has("path") {
        statuses.push(404);
    }
    if has("query") {
        statuses.push(400);
    }
    statuses
}

/// Gives an error its description, its type and its headers, and a success its description.
fn complete_response(status: &str, response: &mut Value) {
    let Ok(code) = status.parse::<StatusCode>() else { return };
    if response["description"].as_str().unwrap_or_default().is_empty() {
        response["description"] = json!(code.canonical_reason().unwrap_or("Error"));
    }
    if !code.is_client_error() && !code.is_server_error() {
        return;
    }
    response["content"] =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let header = match code.as_u16() {
        401 => "WWW-Authenticate",
        412 => "ETag",
        429 | 503 => "Retry-After",
        _ => return,
    };
    response["headers"] = json!({ header: { "schema": { "type": "string" } } });
}

/// Ids begin at 1. The bounds of a key are those of `domain/idempotency.rs`.
fn bound_parameters(operation: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let key = parameter["name"] == "Idempotency-Key";
        if parameter["in"] == "path" && parameter["schema"]["type"] == "integer" {
            parameter["schema"]["minimum"] = json!(1);
        }
        if key {
            parameter["schema"] = json!({
                "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$",
            });
        }
    }
}
