//! Requests that may be sent twice: a script's Idempotency-Key, and the number in a page's form.

use actix_web::HttpRequest;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::fields::FieldErrors;
use crate::domain::IdempotencyKey;
use crate::store::Once;

const HEADER: &str = "idempotency-key";

/// The field that a problem about the key names.
pub const FIELD: &str = "Idempotency-Key";

/// What the request's Idempotency-Key makes of it; none when it has none. `body` is the part of it that makes
/// two requests the same.
///
/// # Errors
/// [`Error::Invalid`] for a key that is none or that is given twice.
pub fn of_request(request: &HttpRequest, body: &impl Serialize) -> Result<Option<Once>, Error> {
    let mut given = request.headers().get_all(HEADER);
    let Some(first) = given.next() else { return Ok(None) };
    let key = first.to_str().ok().filter(|_| given.next().is_none()).map(IdempotencyKey::parse);
    match key {
        Some(Ok(key)) => Ok(Some(Once { key, request_hash: hash(request, body)? })),
        Some(Err(invalid)) => Err(Error::Invalid(FieldErrors::one(FIELD, invalid.0))),
        None => Err(Error::Invalid(FieldErrors::one(
            FIELD,
            "Give one Idempotency-Key of visible ASCII characters.",
        ))),
    }
}

/// The same key was used for another request.
pub fn key_reused() -> Error {
    Error::Invalid(FieldErrors::one(FIELD, "This key was used for another request; take a new one."))
}

/// What the number in a form makes of it; none when it has none that could be ours.
pub fn of_form(request: &HttpRequest, number: &str, fields: &impl Serialize) -> Option<Once> {
    let key = IdempotencyKey::parse(&format!("form-{number}")).ok().filter(|_| !number.is_empty())?;
    Some(Once { key, request_hash: hash(request, fields).ok()? })
}

/// A number for a form, which makes a second click on its button the same request.
///
/// # Errors
/// [`Error::Internal`] when the system has no randomness.
pub fn form_number() -> Result<String, Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hash(request: &HttpRequest, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    let body =
        serde_json::to_vec(body).map_err(|error| Error::Internal("reading a request again", error.into()))?;
    let mut digest = Sha256::new();
    digest.update(format!("{} {}\n", request.method(), request.path()));
    digest.update(body);
    Ok(digest.finalize().to_vec())
}
