//! The device cookie: it proves that a browser logged in before. It is sealed, says nothing readable, and
//! outlives the logout.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookie::{CookieKeys, seal, unseal};
use super::error::Error;
use crate::services::Device;
use crate::store::Candidate;

const PURPOSE: &str = "device";
/// The time for which a browser is known after its last login.
const LIFE: Duration = Duration::days(365);

fn name(secure: bool) -> &'static str {
    if secure { "__Host-pigeonhole-device" } else { "pigeonhole-device" }
}

#[derive(Serialize, Deserialize)]
struct StoredDevice {
    id: String,
    /// Tenant and user.
    accounts: Vec<(i64, i64)>,
}

/// The browser of a request; none without a cookie of ours, or with two of its name.
pub fn read(request: &HttpRequest, keys: &CookieKeys) -> Option<Device> {
    let cookies = request.cookies().ok()?;
    let mut sent = cookies.iter().filter(|cookie| cookie.name() == name(keys.secure));
    let (Some(only), None) = (sent.next(), sent.next()) else { return None };
    let open = |key| unseal(key, PURPOSE, only.value());
    let text = open(&keys.key).or_else(|| open(keys.previous.as_ref()?))?;
    let stored: StoredDevice = serde_json::from_str(&text).ok()?;
    let id = URL_SAFE_NO_PAD.decode(stored.id).ok()?.try_into().ok()?;
    Some(Device::of(id, stored.accounts.into_iter().map(Candidate::from_ticket).collect()))
}

/// Lets the browser of `request` be known for `accounts` from now on.
///
/// # Errors
/// [`Error::Internal`] without randomness, or when the cookie cannot be written.
pub fn remember(
    request: &HttpRequest,
    keys: &CookieKeys,
    accounts: impl Iterator<Item = Candidate>,
    response: &mut HttpResponse,
) -> Result<(), Error> {
    let device = match read(request, keys) {
        Some(device) => device,
        None => Device::generate()?,
    };
    let device = accounts.fold(device, Device::with);
    let stored = StoredDevice {
        id: URL_SAFE_NO_PAD.encode(device.id),
        accounts: device.accounts().iter().map(|one| (one.tenant.number(), one.user.number())).collect(),
    };
    let failed = |error: serde_json::Error| Error::Internal("writing the device cookie", error.into());
    let sealed = seal(&keys.key, PURPOSE, serde_json::to_string(&stored).map_err(failed)?);
    let cookie = Cookie::build(name(keys.secure), sealed)
        .path("/")
        .http_only(true)
        .secure(keys.secure)
        .same_site(SameSite::Lax)
        .max_age(LIFE)
        .finish();
    let value = header::HeaderValue::from_str(&cookie.to_string())
        .map_err(|error| Error::Internal("writing the device cookie", error.into()))?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(())
}
