//! The head of a request, as RFC 9112 describes it: whether it is whole, whether it is refused, and how its
//! body is framed.
//!
//! The dispatcher of actix-http refuses a head by itself: with an empty answer, without our headers, and with
//! a line in the log each time. So every head is parsed here first, by the same parser, and only heads that
//! the dispatcher accepts reach it. What is refused here is answered by [`super::refusal`].

use actix_web::http::{StatusCode, Uri};

use super::framing::BodyFraming;

/// The longest head. Ours need less than 10 KiB with both cookies; on `localhost` browsers add the cookies of
/// other programs.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;
/// The most header fields, as the dispatcher has it.
const FIELDS_LIMIT: usize = 96;
/// Up to this length an incomplete head is parsed at each read, so that garbage is refused at once. A longer
/// one is parsed when its empty line has come: parsing it at each byte would take quadratic time.
const EAGER_LIMIT: usize = 1024;

/// What the bytes at the beginning of a buffer are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadState {
    /// More bytes are needed.
    Partial,
    /// A head of `length` bytes, and the framing of the body behind it.
    Whole { length: usize, body: BodyFraming },
    /// No head that is served.
    Refused(StatusCode),
}

/// Reads the head at the beginning of `buffer`. `searched` is the number of bytes that an earlier call has
/// seen. An `Upgrade` is made unreadable in the buffer, because no protocol is offered: a recipient may
/// ignore the field (RFC 9110, 7.8), and the dispatcher would answer it.
pub(super) fn read_head(buffer: &mut [u8], searched: usize) -> HeadState {
    let ended = holds_empty_line(&buffer[searched.saturating_sub(3)..]);
    if buffer.len() >= HEAD_LIMIT && !holds_empty_line(&buffer[..HEAD_LIMIT]) {
        return HeadState::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if !ended && buffer.len() > EAGER_LIMIT {
        return HeadState::Partial;
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_LIMIT];
    let mut request = httparse::Request::new(&mut fields);
    let (length, parsed) = match request.parse(buffer) {
        Ok(httparse::Status::Partial) => return HeadState::Partial,
        Ok(httparse::Status::Complete(length)) => (length, framing_of(&request)),
        Err(httparse::Error::TooManyHeaders) => {
            return HeadState::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return HeadState::Refused(StatusCode::BAD_REQUEST),
    };
    let head = &mut buffer[..length];
    match parsed {
        _ if has_bare_line_feed(head) => HeadState::Refused(StatusCode::BAD_REQUEST),
        Ok(body) => {
            hide_upgrade(head);
            HeadState::Whole { length, body }
        }
        Err(status) => HeadState::Refused(status),
    }
}

fn holds_empty_line(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(4).any(|four| four == b"\r\n\r\n")
}

/// A line that ends without a carriage return: recipients that differ in it see different heads.
fn has_bare_line_feed(head: &[u8]) -> bool {
    head.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || head[at - 1] != b'\r'))
}

/// The framing of the body, by the rules of RFC 9112, 6.3. Two lengths, or a length and chunks, are refused:
/// a proxy in front may have followed the other one.
fn framing_of(request: &httparse::Request<'_, '_>) -> Result<BodyFraming, StatusCode> {
    let bad = StatusCode::BAD_REQUEST;
    let (method, version) = (request.method.unwrap_or_default(), request.version.unwrap_or_default());
    if method == "CONNECT" {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    Uri::try_from(request.path.unwrap_or_default()).map_err(|_| bad)?;
    let only = |name: &str| {
        let mut values =
            request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).map(|f| f.value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(bad),
        }
    };
    let (host, coding, length) = (only("host")?, only("transfer-encoding")?, only("content-length")?);
    match (coding, length) {
        _ if version == 1 && host.is_none() => Err(bad),
        (Some(coding), None) if version == 1 && coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => {
            Ok(BodyFraming::chunked())
        }
        (Some(_), _) => Err(bad),
        (None, Some(length)) => number(length).map(BodyFraming::sized).ok_or(bad),
        (None, None) if version == 0 && method == "POST" => Err(bad),
        (None, None) => Ok(BodyFraming::sized(0)),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// Overwrites the name of an `Upgrade` field, and the option `upgrade` of `Connection`, by names of the same
/// length that mean nothing.
fn hide_upgrade(head: &mut [u8]) {
    for line in head.split_mut(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at_mut(colon);
        if name.eq_ignore_ascii_case(b"upgrade") {
            name.copy_from_slice(b"X-Hiddn");
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value[1..].split_mut(|byte| matches!(byte, b',' | b' ' | b'\t' | b'\r')) {
                if option.eq_ignore_ascii_case(b"upgrade") {
                    option.copy_from_slice(b"ignored");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HeadState {
        read_head(&mut text.as_bytes().to_vec(), 0)
    }

    fn whole(text: &str, body: BodyFraming) {
        assert_eq!(read(text), HeadState::Whole { length: text.len(), body }, "{text:?}");
    }

    #[test]
    fn a_head_tells_the_framing_of_its_body() {
        whole("GET / HTTP/1.1\r\nHost: a\r\n\r\n", BodyFraming::sized(0));
        whole("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BodyFraming::sized(0));
        whole("GET / HTTP/1.0\r\n\r\n", BodyFraming::sized(0));
        whole("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70\r\n\r\n", BodyFraming::sized(70));
        whole("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", BodyFraming::chunked());
    }

    #[test]
    fn an_incomplete_head_is_partial() {
        for text in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"] {
            assert_eq!(read(text), HeadState::Partial, "{text:?}");
        }
    }

    #[test]
    fn a_head_that_recipients_may_read_differently_is_refused() {
        let host = "HTTP/1.1\r\nHost: a\r\n";
        for text in [
            "GET / HTTP/1.1\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\nHost: a\n\n".to_owned(),
            format!("GET / {host}X: 1\n\r\n"),
            format!("POST / {host}Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            format!("POST / {host}Content-Length: +1\r\n\r\n"),
            format!("POST / {host}Content-Length: 1, 1\r\n\r\n"),
            format!("POST / {host}Content-Length: 99999999999999999999\r\n\r\n"),
            format!("POST / {host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            format!("POST / {host}Transfer-Encoding: chunked, identity\r\n\r\n"),
            format!("POST / {host}Transfer-Encoding : chunked\r\n\r\n"),
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            "POST / HTTP/1.0\r\n\r\n".to_owned(),
            format!("GET / {host}X: a\r\n b\r\n\r\n"),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "\u{16}\u{3}\u{1}".to_owned(),
        ] {
            assert_eq!(read(&text), HeadState::Refused(StatusCode::BAD_REQUEST), "{text:?}");
        }
        let connect = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
        assert_eq!(read(connect), HeadState::Refused(StatusCode::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn a_head_that_is_too_long_is_refused() {
        let too_large = HeadState::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(HEAD_LIMIT));
        assert_eq!(read(&long), too_large);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(FIELDS_LIMIT));
        assert_eq!(read(&many), too_large);
    }

    #[test]
    fn an_upgrade_is_hidden() {
        let mut head = *b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: x, Upgrade\r\n\r\n";
        assert!(matches!(read_head(&mut head, 0), HeadState::Whole { .. }));
        let text = String::from_utf8_lossy(&head).to_lowercase();
        assert!(!text.contains("upgrade") && text.contains("connection: x, ignored"), "{text}");
    }
}
