//! Idempotent requests, which a client may send twice: by the header Idempotency-Key of the API, or by the
//! number in a form.

use actix_web::HttpRequest;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::fields::FieldErrors;
use crate::domain::IdempotencyKey;
use crate::store::IdempotentRequest;

const HEADER: &str = "idempotency-key";

/// The name of the key in the `errors` of a problem.
pub const FIELD: &str = "Idempotency-Key";

/// The key of a request with the header; none without it. Two requests are the same when method, path and
/// `body` are.
///
/// # Errors
/// [`Error::Invalid`] for a key that is malformed or sent twice.
pub fn of_request(request: &HttpRequest, body: &impl Serialize) -> Result<Option<IdempotentRequest>, Error> {
    let mut given = request.headers().get_all(HEADER);
    let Some(first) = given.next() else { return Ok(None) };
    let key = first.to_str().ok().filter(|_| given.next().is_none()).map(IdempotencyKey::parse);
    match key {
        Some(Ok(key)) => Ok(Some(IdempotentRequest { key, request_hash: hash(request, body)? })),
        Some(Err(invalid)) => Err(Error::Invalid(FieldErrors::one(FIELD, invalid.0))),
        None => Err(Error::Invalid(FieldErrors::one(
            FIELD,
            "Give one Idempotency-Key of visible ASCII characters.",
        ))),
    }
}

/// The error for a key that was used for another request.
pub fn key_reused() -> Error {
    Error::Invalid(FieldErrors::one(FIELD, "This key was used for another request; use a new one."))
}

/// The key of a form; none when its number is missing or malformed.
pub fn of_form(request: &HttpRequest, number: &str, fields: &impl Serialize) -> Option<IdempotentRequest> {
    let key = IdempotencyKey::parse(&format!("form-{number}")).ok().filter(|_| !number.is_empty())?;
    Some(IdempotentRequest { key, request_hash: hash(request, fields).ok()? })
}

/// A random number for a form: a second click on the form's button is the same request.
///
/// # Errors
/// [`Error::Internal`] when the system has no randomness.
pub fn form_number() -> Result<String, Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

fn hash(request: &HttpRequest, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    let body =
        serde_json::to_vec(body).map_err(|error| Error::Internal("reading a request again", error.into()))?;
    let mut digest = Sha256::new();
    digest.update(format!("{} {}\n", request.method(), request.path()));
    digest.update(body);
    Ok(digest.finalize().to_vec())
}
