//! What is known of a request before it is routed, and outlives it: an error's body depends on it.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;

/// A request as far as the body of an error depends on it.
pub struct RequestInfo {
    /// The path without its query.
    pub path: String,
    /// Path and query.
    pub target: String,
    /// Whether the method is GET or HEAD.
    pub reads: bool,
    /// The client, as [`super::client_address`] finds it.
    pub address: IpAddr,
    /// Random. The response (X-Request-Id, error bodies) and each line of the log about the request have it.
    pub request_id: String,
}

impl RequestInfo {
    /// Of a request that has been given a number.
    pub fn of(request: &ServiceRequest, request_id: String, address: IpAddr) -> Self {
        Self {
            path: request.path().to_owned(),
            target: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            reads: matches!(*request.method(), Method::GET | Method::HEAD),
            address,
            request_id,
        }
    }

    /// Whether the request is one to the API.
    pub fn is_api_call(&self) -> bool {
        is_api_path(&self.path)
    }

    /// Whether the path escapes a character that needs no escape (RFC 3986, 2.3). The router decodes a path,
    /// so `/%61pi/me` would be routed as another path than the one that the checks read. Our paths consist of
    /// such characters and slashes, and the router leaves escaped slashes as they are.
    pub fn has_needless_escapes(&self) -> bool {
        let escaped = self.path.split('%').skip(1).filter_map(|rest| rest.get(..2));
        escaped.filter_map(|digits| u8::from_str_radix(digits, 16).ok()).any(is_unreserved)
    }
}

/// A number for a request or its answer.
pub fn new_request_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the number is 0, which is better than no response.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a path without needless escapes belongs to the API.
pub fn is_api_path(path: &str) -> bool {
    path.starts_with("/api/")
}
