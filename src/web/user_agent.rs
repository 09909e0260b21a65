//! The User-Agent of a request, by which users recognize their sessions.

use actix_web::HttpRequest;
use actix_web::http::header;

const LENGTH_LIMIT: usize = 200;

/// The header User-Agent, cut to 200 characters.
pub fn user_agent(request: &HttpRequest) -> String {
    let sent =
        request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.chars().take(LENGTH_LIMIT).collect()
}
