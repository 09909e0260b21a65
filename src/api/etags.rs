//! Entity tags, and the conditions of a request that compare them (RFC 9110, 8.8.3 and 13.1).

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::web::coding::plain_tag;

/// The entity tag of a note's version.
pub fn etag(version: i32) -> String {
    format!("\"{version}\"")
}

/// The first header of this name; empty when it is no text.
pub fn header_of<'a>(request: &'a HttpRequest, name: &header::HeaderName) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

/// How entity tags are compared (RFC 9110, 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags, or `*`, contains this version.
pub fn matches_version(tags: &str, version: i32, comparison: Comparison) -> bool {
    matching_tag(tags, version, comparison).is_some()
}

/// The entity tag of a list that matches this version.
pub fn matching_tag(tags: &str, version: i32, comparison: Comparison) -> Option<&str> {
    let wanted = etag(version);
    let matches = |tag: &str| {
        let plain = plain_tag(tag);
        tag == "*"
            || plain == wanted
            || (comparison == Comparison::Weak && plain.strip_prefix("W/") == Some(&wanted))
    };
    tags.split(',').map(str::trim).find(|tag| matches(tag))
}
