//! Redirects, always to a path on this site.

use actix_web::HttpResponse;
use actix_web::http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const QUERY_VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// 303 See Other, the response to every successful form, so that a reload does not send it again.
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// The URL of the login page that redirects to `target` afterwards.
pub fn login_url(target: &str) -> String {
    match local_path(target) {
        Some("/") | None => "/login".to_owned(),
        Some(path) => format!("/login?next={}", utf8_percent_encode(path, QUERY_VALUE)),
    }
}

/// `target` when every browser reads it as a path on this site, else none. Browsers drop tabs and line breaks
/// and read a backslash as a slash, so it may contain none of these.
pub fn local_path(target: &str) -> Option<&str> {
    if target.len() > 2000 {
        return None;
    }
    let plain = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let rooted = target.starts_with('/') && !target.starts_with("//");
    let base = url::Url::parse("http://pigeonhole.invalid").ok()?;
    let stays = base
        .join(target)
        .is_ok_and(|joined| joined.origin() == base.origin() && !joined.path().starts_with("//"));
    (plain && rooted && stays).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for good in ["/", "/notes", "/notes/7?x=y", "/notes?next=https://e"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in [
            "",
            "//e",
            "/\\e",
            "\\\\e",
            "/\te",
            "\t/e",
            "https:e",
            "https://e",
            "http:///e",
            "javascript:alert(1)",
            "/x\r\nSet-Cookie: a=b",
            "@e",
            "e",
            " /e",
            "///e",
            "/.//e",
            "/..//e",
            "/%zz/..//..//e/\u{2028}",
            "ftp://e",
            "data:text/html,x",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }
}
