//! Content codings: what HTTP requires of responses that may be compressed (RFC 9110, 8.4.1, 8.8.3.3, 12.5.5,
//! 15.4.5) and actix's `Compress`, which this middleware wraps, does not do.

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, EntityTag, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;

/// The codings that `Compress` chooses from.
const CODINGS: [&str; 3] = ["br", "gzip", "deflate"];

/// The middleware.
///
/// # Errors
/// Those of what it wraps.
pub async fn middleware<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.call(request).await?;
    let status = response.status();
    let has_content = !matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0));
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "identity") {
        // The handler set it so that `Compress` leaves the response alone; HTTP does not allow it in a
        // response.
        headers.remove(header::CONTENT_ENCODING);
        return Ok(response);
    }
    if has_content || status == StatusCode::NOT_MODIFIED {
        vary(headers);
    }
    if reads && status.is_success() {
        add_coding_to_tag(headers);
    }
    Ok(response)
}

fn vary(headers: &mut HeaderMap) {
    let named = headers
        .get_all(header::VARY)
        .filter_map(|names| names.to_str().ok())
        .flat_map(|names| names.split(','));
    if !named.map(str::trim).any(|name| name.eq_ignore_ascii_case("accept-encoding")) {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Adds the coding to a strong tag: a strong tag names one sequence of bytes, and compressed bytes differ.
fn add_coding_to_tag(headers: &mut HeaderMap) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(coding), Some(tag)) = (text(header::CONTENT_ENCODING), text(header::ETAG)) else { return };
    if let Some(plain) = tag.strip_suffix('"').filter(|tag| tag.starts_with('"'))
        && let Ok(value) = HeaderValue::from_str(&format!("{plain}-{coding}\""))
    {
        headers.insert(header::ETAG, value);
    }
}

/// The tag of the response without its coding: `"3"` for `"3-gzip"`. A client that has read either knows the
/// same text.
pub fn plain_tag(tag: &EntityTag) -> EntityTag {
    let plain = tag.tag().rsplit_once('-').filter(|(_, coding)| CODINGS.contains(coding));
    plain.map_or_else(|| tag.clone(), |(plain, _)| EntityTag::new(tag.weak, plain.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(tag: &str) -> String {
        plain_tag(&tag.parse().expect("a tag")).to_string()
    }

    #[test]
    fn only_a_coding_is_taken_off_a_tag() {
        for (tag, expected) in
            [("\"3-gzip\"", "\"3\""), ("W/\"3-br\"", "W/\"3\""), ("\"3-deflate\"", "\"3\"")]
        {
            assert_eq!(plain(tag), expected);
        }
        for tag in ["\"3\"", "\"3-zip\"", "\"3-gzip-x\"", "\"-\"", "\"\""] {
            assert_eq!(plain(tag), tag);
        }
    }
}
