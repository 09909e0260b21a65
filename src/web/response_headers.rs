//! What every response of a site gets, those included that no handler made.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::headers;
use super::request_info::RequestInfo;
use super::site::Site;

/// Adds the body of an error, the security headers and the request's number.
pub fn finish(response: HttpResponse<BoxBody>, info: &RequestInfo, site: &Site) -> HttpResponse<BoxBody> {
    let mut response = (site.add_error_body)(response, info);
    headers::secure(response.headers_mut(), site.tls_only);
    if let Ok(value) = HeaderValue::from_str(&info.request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
