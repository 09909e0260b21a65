//! The session cookie. actix-session encrypts and signs it. Two things that it cannot do are here: a cookie
//! that lives for 30 days where the user chose "Remember me", and reading cookies of the previous key.

use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionExt, SessionMiddleware};
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::auth::Token;
use crate::store::LONG_LIFETIME;

const TOKEN: &str = "token";
const OTHERS: &str = "others";
const FLASH: &str = "flash";
const LINK: &str = "link";
const LOGIN_TICKET: &str = "login_ticket";
/// The number of sessions that one browser may hold, with the active one. The cookie stays far below 4,096
/// bytes, which browsers store: a token takes 65 bytes, a name 163 at most.
pub const MOST_SESSIONS: usize = 5;
/// The longest number of a form that the cookie carries.
const FORM_NUMBER_LENGTH: usize = 32;
/// The length to which an organization's name is cut in the switcher.
const NAME_CHARACTERS: usize = 40;

/// The cookie's name: browsers accept a `__Host-` name only with Secure, this host and path (RFC 6265bis,
/// 4.1.3.2).
fn name(secure: bool) -> &'static str {
    if secure { "__Host-pigeonhole" } else { "pigeonhole" }
}

/// The keys of the cookies, and whether browsers send them over TLS only.
pub struct CookieKeys {
    pub key: Key,
    /// The key before it, whose cookies are still read.
    pub previous: Option<Key>,
    pub secure: bool,
}

/// The middleware that reads and writes the cookie.
pub fn middleware(keys: &CookieKeys) -> SessionMiddleware<CookieSessionStore> {
    SessionMiddleware::builder(CookieSessionStore::default(), keys.key.clone())
        .cookie_name(name(keys.secure).to_owned())
        .cookie_secure(keys.secure)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        .cookie_content_security(CookieContentSecurity::Private)
        .session_lifecycle(BrowserSession::default())
        .build()
}

/// A message that is shown once, on the next page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flash {
    /// "success", "error" or "info".
    pub kind: String,
    pub text: String,
    /// The number of the form whose text was saved, which the browser need not keep any longer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub saved: String,
}

/// The token of the active session, if the cookie has one.
pub fn token(session: &Session) -> Option<Token> {
    Token::parse(&session.get::<String>(TOKEN).ok()??)
}

/// Whether the request has our cookie and nothing could be read from it: it is forged, cut, or of another
/// key.
pub fn is_unreadable(request: &HttpRequest, keys: &CookieKeys) -> bool {
    request.cookie(name(keys.secure)).is_some() && request.get_session().entries().is_empty()
}

/// A session beside the active one, in another tenant, to which the user can switch.
#[derive(Clone)]
pub struct OtherSession {
    pub token: Token,
    /// As it was when the session was active for the last time.
    pub tenant_name: String,
}

#[derive(Serialize, Deserialize)]
struct StoredSession {
    token: String,
    name: String,
}

/// The sessions beside the active one, the most recently used first.
pub fn others(session: &Session) -> Vec<OtherSession> {
    let stored = session.get::<Vec<StoredSession>>(OTHERS).ok().flatten().unwrap_or_default();
    stored
        .into_iter()
        .filter_map(|stored| {
            Some(OtherSession { token: Token::parse(&stored.token)?, tenant_name: stored.name })
        })
        .collect()
}

/// Replaces the content of the cookie by these sessions.
///
/// # Errors
/// [`Error::Internal`] when they cannot be serialized.
pub fn set_tokens(session: &Session, active: &Token, others: &[OtherSession]) -> Result<(), Error> {
    let failed = |error| Error::Internal("writing the cookie", Box::new(error));
    session.clear();
    session.renew();
    session.insert(TOKEN, active.expose()).map_err(failed)?;
    if others.is_empty() {
        return Ok(());
    }
    let store = |other: &OtherSession| StoredSession {
        token: other.token.expose().to_owned(),
        name: cut(&other.tenant_name),
    };
    let stored: Vec<StoredSession> = others.iter().take(MOST_SESSIONS - 1).map(store).collect();
    session.insert(OTHERS, stored).map_err(failed)
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARACTERS) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", name[..end].trim_end_matches(['…', ' '])),
    }
}

/// Stores an invitation's link until a page shows it. The link is a secret of which the database has only a
/// hash.
///
/// # Errors
/// [`Error::Internal`] when it cannot be serialized.
pub fn keep_link(session: &Session, link: &str) -> Result<(), Error> {
    session.insert(LINK, link).map_err(|error| Error::Internal("writing the cookie", Box::new(error)))
}

/// Removes and returns the stored link.
pub fn take_link(session: &Session) -> Option<String> {
    session.get::<String>(LINK).ok().flatten()?;
    session.remove_as::<String>(LINK)?.ok()
}

/// Stores the name of the login ticket that a page of this browser holds, so that another browser cannot use
/// it.
///
/// # Errors
/// [`Error::Internal`] when it cannot be serialized.
pub fn keep_login_ticket(session: &Session, ticket: &str) -> Result<(), Error> {
    session
        .insert(LOGIN_TICKET, ticket)
        .map_err(|error| Error::Internal("writing the cookie", Box::new(error)))
}

/// The stored name of a login ticket. It goes with the cookie's content when sessions start or end.
pub fn login_ticket(session: &Session) -> Option<String> {
    session.get(LOGIN_TICKET).ok().flatten()
}

/// Shows `text` on the next page.
pub fn flash(session: &Session, kind: &str, text: &str) {
    insert_flash(session, Flash { kind: kind.to_owned(), text: text.to_owned(), saved: String::new() });
}

/// Shows on the next page that the text of the form with the number `once` was saved.
pub fn flash_saved(session: &Session, text: &str, once: &str) {
    let is_number = once.len() <= FORM_NUMBER_LENGTH && once.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let saved = if is_number { once.to_owned() } else { String::new() };
    insert_flash(session, Flash { kind: "success".to_owned(), text: text.to_owned(), saved });
}

fn insert_flash(session: &Session, flash: Flash) {
    if let Err(error) = session.insert(FLASH, flash) {
        log::warn!("a message could not be stored for the next page: {error}");
    }
}

/// Removes and returns the message of [`flash`].
pub fn take_flash(session: &Session) -> Option<Flash> {
    // Read first: removing marks the cookie as changed, and the cookie would be sent with every response.
    session.get::<Flash>(FLASH).ok().flatten()?;
    session.remove_as::<Flash>(FLASH)?.ok()
}

/// Marks a request whose cookie, if its response sets one, outlives the browser.
struct Remembered;

/// Lets the cookie, if the response sets it, live for 30 days.
pub fn remember(request: &impl HttpMessage) {
    request.extensions_mut().insert(Remembered);
}

/// Adds the life of 30 days to the cookie in a response's headers, if [`remember`] was called.
pub fn extend_life(request: &impl HttpMessage, headers: &mut HeaderMap, secure: bool) {
    if !request.extensions().contains::<Remembered>() {
        return;
    }
    let cookies: Vec<HeaderValue> = headers.remove(header::SET_COOKIE).collect();
    for cookie in cookies {
        let text = cookie.to_str().unwrap_or_default();
        let ours = text.starts_with(&format!("{}=", name(secure))) && !text.contains("Max-Age");
        let longer = ours
            .then(|| HeaderValue::from_str(&format!("{text}; Max-Age={}", LONG_LIFETIME.as_secs())).ok())
            .flatten();
        headers.append(header::SET_COOKIE, longer.unwrap_or(cookie));
    }
}

/// Drops every cookie that would be read under another name than the one that was sent: the reader decodes
/// percent escapes in names, and trims more characters than the space and the tab of HTTP. Browsers guard
/// the bytes `__Host-` alone, so another host of the domain could plant a cookie of ours in such a disguise.
/// Bytes that are no text go as well, as the reader would refuse the cookies beside them.
pub fn drop_disguised(request: &mut ServiceRequest) {
    let headers = request.headers_mut();
    let sent: Vec<HeaderValue> = headers.remove(header::COOKIE).collect();
    for value in sent {
        let kept: Vec<&str> = value.as_bytes().split(|byte| *byte == b';').filter_map(plain_pair).collect();
        if let Some(value) = HeaderValue::from_str(&kept.join("; ")).ok().filter(|value| !value.is_empty()) {
            headers.append(header::COOKIE, value);
        }
    }
}

/// The pair, if its name is read as it is written.
fn plain_pair(pair: &[u8]) -> Option<&str> {
    let pair = std::str::from_utf8(pair).ok()?.trim_matches([' ', '\t']);
    let name = pair.split_once('=')?.0.trim_end_matches([' ', '\t']);
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%');
    plain.then_some(pair)
}

/// Prepares the session cookie of a request before it is read, after [`drop_disguised`]. Several cookies of
/// our name count as none: one of them may have been planted by another host of the same domain (RFC 6265,
/// 8.6), and the order in which a browser sends them tells nothing. A cookie of the previous key is replaced
/// by one of the current key, so that users stay logged in when the key changes.
pub fn admit(request: &mut ServiceRequest, keys: &CookieKeys) {
    let name = name(keys.secure);
    let (ours, others) = split_cookies(request.headers(), name);
    let admitted = match ours.as_slice() {
        [] => return,
        [sent] => match renewed(sent, keys) {
            Some(renewed) => Some(renewed),
            None => return,
        },
        _ => None,
    };
    let kept = others.into_iter().chain(admitted).collect::<Vec<_>>().join("; ");
    request.headers_mut().remove(header::COOKIE);
    if let Some(value) = HeaderValue::from_str(&kept).ok().filter(|value| !value.is_empty()) {
        request.headers_mut().insert(header::COOKIE, value);
    }
}

/// The cookies of this name, and the texts of all others, read as actix reads them.
fn split_cookies(headers: &HeaderMap, name: &str) -> (Vec<Cookie<'static>>, Vec<String>) {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    let texts =
        headers.get_all(header::COOKIE).filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    for pair in texts.flat_map(|text| text.split(';')).map(|pair| pair.trim_matches([' ', '\t'])) {
        match Cookie::parse_encoded(pair.to_owned()) {
            Ok(cookie) if cookie.name() == name => ours.push(cookie),
            Ok(_) => others.push(pair.to_owned()),
            Err(_) => {}
        }
    }
    (ours, others)
}

/// The cookie's text under the current key, if the previous key made it.
fn renewed(sent: &Cookie<'static>, keys: &CookieKeys) -> Option<String> {
    let previous = keys.previous.as_ref()?;
    if open(&keys.key, sent).is_some() {
        return None;
    }
    let value = open(previous, sent)?;
    let mut jar = CookieJar::new();
    jar.private_mut(&keys.key).add(Cookie::new(sent.name().to_owned(), value));
    Some(jar.get(sent.name())?.encoded().stripped().to_string())
}

fn open(key: &Key, cookie: &Cookie<'static>) -> Option<String> {
    let mut jar = CookieJar::new();
    jar.add_original(cookie.clone());
    jar.private(key).get(cookie.name()).map(|plain| plain.value().to_owned())
}

/// Encrypts and signs a short text, for a hidden field of a form or a cookie: the client can neither read nor
/// change it.
pub fn seal(key: &Key, purpose: &'static str, text: String) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(purpose, text));
    jar.get(purpose).map(|cookie| cookie.value().to_owned()).unwrap_or_default()
}

/// Decrypts a text of [`seal`]; none if it was made by another key, for another purpose, or changed.
pub fn unseal(key: &Key, purpose: &'static str, sealed: &str) -> Option<String> {
    open(key, &Cookie::new(purpose, sealed.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::plain_pair;

    #[test]
    fn a_pair_stays_only_under_the_name_that_is_read() {
        for kept in
            ["a=b", "__Host-pigeonhole-device=%20", " a=\u{e4}", "\ta=b ", "a =b", "a=b=c", "!#$&'*+=x"]
        {
            assert_eq!(plain_pair(kept.as_bytes()), Some(kept.trim_matches([' ', '\t'])), "{kept:?}");
        }
        for dropped in [
            "",
            "a",
            "=b",
            " =b",
            "%61=b",
            "a%=b",
            "\u{2003}a=b",
            "a\u{85}=b",
            "\u{b}a=b",
            "a b=c",
            "\u{e4}=b",
        ] {
            assert_eq!(plain_pair(dropped.as_bytes()), None, "{dropped:?}");
        }
        assert_eq!(plain_pair(b"a=\xff"), None);
    }
}
