//! The request header `Prefer: wait=N` (RFC 7240): the seconds for which a client would wait for work that
//! otherwise continues after the response.

use std::time::Duration;

use actix_web::HttpRequest;

/// In seconds; a longer wait would hold the connection.
const LONGEST_WAIT: u64 = 30;

/// The preferred wait, at most 30 seconds; none when it is missing or malformed, which is no error (RFC 7240,
/// 2).
pub fn wait(request: &HttpRequest) -> Option<Duration> {
    let headers = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    let mut seconds = headers.flat_map(|value| value.split(',')).filter_map(parse);
    // The first of several counts (RFC 7240, 2).
    seconds.next().map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

fn parse(preference: &str) -> Option<u64> {
    let preference = preference.split(';').next()?;
    let (name, value) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let value = value.trim().trim_matches('"');
    let plain = !value.is_empty() && value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_seconds_are_read() {
        for (text, seconds) in [("wait=5", Some(5)), (" Wait = \"7\"; x=y", Some(7)), ("wait=90", Some(90))] {
            assert_eq!(parse(text), seconds, "{text}");
        }
        for odd in [
            "wait",
            "wait=",
            "wait=-1",
            "wait=1.5",
            "waiting=5",
            "respond-async",
            "wait=99999999999999999999",
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }
}
