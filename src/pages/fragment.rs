//! Parts of pages for scripts.

use actix_web::HttpRequest;
use actix_web::http::header;

/// What a script asks for that shows a part of a page.
const FRAGMENT: &[u8] = b"text/x-fragment";

/// Whether the request is a script's, which shows a part of the page.
pub fn is_fragment_wanted(request: &HttpRequest) -> bool {
    request.headers().get(header::ACCEPT).map(header::HeaderValue::as_bytes) == Some(FRAGMENT)
}
