//! The tenant of the page from which a form comes. One browser may be logged in to several tenants, and a
//! form acts in the one that is active. If another tab has switched meanwhile, that is not the one that the
//! user sees.

use std::num::ParseIntError;

use actix_web::HttpRequest;
use actix_web::http::Method;
use percent_encoding::percent_decode_str;

use super::error::Error;
use crate::domain::TenantId;

/// The parameter in the address of a form.
const NAME: &str = "tenant";

/// The end of the address of a form on a page of this tenant.
pub fn of_tenant(tenant: TenantId) -> String {
    format!("?{NAME}={tenant}")
}

/// The end of the address of the form that a request comes from; empty without a number of a tenant.
pub fn sent_of_tenant(request: &HttpRequest) -> String {
    number(request).and_then(Result::ok).map_or_else(String::new, |number| format!("?{NAME}={number}"))
}

fn number(request: &HttpRequest) -> Option<Result<i64, ParseIntError>> {
    let mut pairs = request.query_string().split('&');
    let text = pairs.find_map(|pair| pair.strip_prefix(NAME)?.strip_prefix('='))?;
    Some(percent_decode_str(text).decode_utf8_lossy().parse::<i64>())
}

/// Refuses a form that comes from a page of another tenant than `active`. A form without the parameter is let
/// in: its path names something of one tenant.
///
/// # Errors
/// [`Error::OtherTenant`].
pub fn admit(request: &HttpRequest, active: TenantId) -> Result<(), Error> {
    if request.method() != Method::POST {
        return Ok(());
    }
    match number(request) {
        Some(number) if number != Ok(active.number()) => Err(Error::OtherTenant),
        _ => Ok(()),
    }
}
