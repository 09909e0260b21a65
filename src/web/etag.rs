//! Entity tags of notes and the conditions that name them (RFC 9110, 8.8.3 and 13.1). The tag of a note is
//! its version in quotes.

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header, IF_MATCH, IfMatch, IfNoneMatch};

use super::coding::plain_tag;

/// The tag of a note's version, without a content coding.
pub fn etag(version: i32) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// The condition of a change; none without If-Match. A header that cannot be read names no version.
pub fn if_match(request: &HttpRequest) -> Option<IfMatch> {
    let condition = || IfMatch::parse(request).unwrap_or(IfMatch::Items(Vec::new()));
    request.headers().contains_key(IF_MATCH).then(condition)
}

/// Whether the condition of a change holds for a note at `version`: a strong comparison, in which a weak tag
/// matches nothing.
pub fn holds(condition: &IfMatch, version: i32) -> bool {
    match condition {
        IfMatch::Any => true,
        IfMatch::Items(tags) => tags.iter().any(|tag| plain_tag(tag).strong_eq(&etag(version))),
    }
}

/// The tag of the response that the client has cached, if that is of `version`: a weak comparison of
/// If-None-Match. It may be the tag of a compressed response.
pub fn cached_tag(request: &HttpRequest, version: i32) -> Option<EntityTag> {
    match IfNoneMatch::parse(request).ok()? {
        IfNoneMatch::Any => Some(etag(version)),
        IfNoneMatch::Items(tags) => {
            let tag = tags.into_iter().find(|tag| plain_tag(tag).weak_eq(&etag(version)))?;
            Some(EntityTag::new_strong(tag.tag().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn holds_for_3(header: &str) -> bool {
        let request = TestRequest::default().insert_header(("if-match", header)).to_http_request();
        holds(&if_match(&request).expect("a condition"), 3)
    }

    #[test]
    fn if_match_compares_strongly_and_whatever_the_coding() {
        assert!(if_match(&TestRequest::default().to_http_request()).is_none());
        for header in ["\"3\"", "*", "\"1\", \"3\"", "\"3-gzip\"", "\"3-br\""] {
            assert!(holds_for_3(header), "{header}");
        }
        for header in ["\"4\"", "W/\"3\"", "3", "\"3", "\"3-zip\"", "nonsense", ""] {
            assert!(!holds_for_3(header), "{header}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly_and_gives_the_tag_that_was_sent() {
        let cached = |header: &str| {
            let request = TestRequest::default().insert_header(("if-none-match", header)).to_http_request();
            cached_tag(&request, 3).map(|tag| tag.to_string())
        };
        for (header, tag) in [("*", "\"3\""), ("W/\"3-gzip\"", "\"3-gzip\""), ("\"7\", \"3\"", "\"3\"")] {
            assert_eq!(cached(header).as_deref(), Some(tag), "{header}");
        }
        for header in ["\"2\"", "3", ""] {
            assert_eq!(cached(header), None, "{header}");
        }
        assert_eq!(cached_tag(&TestRequest::default().to_http_request(), 3), None);
    }
}
