//! What a browser or script calls itself, so that people recognize their sessions.

use actix_web::HttpRequest;
use actix_web::http::header;

const KEPT_CHARACTERS: usize = 200;

/// The User-Agent header, shortened.
pub fn user_agent(request: &HttpRequest) -> String {
    let sent =
        request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.chars().take(KEPT_CHARACTERS).collect()
}
