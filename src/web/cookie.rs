//! The session cookie. actix-session encrypts and signs it; what it cannot do is added here: a life of 30
//! days for those who asked to be remembered, and reading cookies of the key before this one.

use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::HttpMessage;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::auth::Token;

const TOKEN: &str = "token";
const OTHERS: &str = "others";
const FLASH: &str = "flash";
const LINK: &str = "link";
/// The most sessions that one browser holds, the active one among them. The cookie stays far below what
/// browsers keep, 4,096 bytes: a token takes 65 bytes, a name 163 at the most.
pub const MOST_SESSIONS: usize = 5;
/// Of an organization's name the switcher shows its beginning.
const NAME_CHARACTERS: usize = 40;
/// Seconds of 30 days, the absolute life of a remembered session.
const REMEMBERED: i64 = 30 * 24 * 60 * 60;

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

/// A message shown once, on the next page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flash {
    /// "success", "error" or "info".
    pub kind: String,
    /// The message.
    pub text: String,
}

/// The token of the active session, which pages act by.
pub fn token(session: &Session) -> Option<Token> {
    Token::parse(&session.get::<String>(TOKEN).ok()??)
}

/// A session that waits beside the active one until its user switches to it.
#[derive(Clone)]
pub struct OtherSession {
    /// Its secret.
    pub token: Token,
    /// The name of its tenant when it was left.
    pub tenant_name: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    name: String,
}

/// The sessions beside the active one, the last used first.
pub fn others(session: &Session) -> Vec<OtherSession> {
    let kept = session.get::<Vec<Kept>>(OTHERS).ok().flatten().unwrap_or_default();
    kept.into_iter()
        .filter_map(|kept| Some(OtherSession { token: Token::parse(&kept.token)?, tenant_name: kept.name }))
        .collect()
}

/// Makes the cookie carry these sessions and nothing of before.
pub fn set_tokens(session: &Session, active: &Token, others: &[OtherSession]) -> Result<(), Error> {
    let failed = |error| Error::Internal("writing the cookie", Box::new(error));
    session.clear();
    session.renew();
    session.insert(TOKEN, active.expose()).map_err(failed)?;
    if others.is_empty() {
        return Ok(());
    }
    let keep =
        |other: &OtherSession| Kept { token: other.token.expose().to_owned(), name: cut(&other.tenant_name) };
    let kept: Vec<Kept> = others.iter().take(MOST_SESSIONS - 1).map(keep).collect();
    session.insert(OTHERS, kept).map_err(failed)
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARACTERS) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", name[..end].trim_end_matches(['…', ' '])),
    }
}

/// Keeps a link for the next page that shows it; it is a secret, and nothing else will know it.
pub fn keep_link(session: &Session, link: &str) -> Result<(), Error> {
    session.insert(LINK, link).map_err(|error| Error::Internal("writing the cookie", Box::new(error)))
}

/// Takes that link, if one waits.
pub fn take_link(session: &Session) -> Option<String> {
    session.get::<String>(LINK).ok().flatten()?;
    session.remove_as::<String>(LINK)?.ok()
}

/// Shows `text` on the next page.
pub fn flash(session: &Session, kind: &str, text: &str) {
    let flash = Flash { kind: kind.to_owned(), text: text.to_owned() };
    if let Err(error) = session.insert(FLASH, flash) {
        log::warn!("a message could not be kept for the next page: {error}");
    }
}

/// Takes the message that waits, if one does.
pub fn take_flash(session: &Session) -> Option<Flash> {
    // A look first: removing marks the cookie as changed, and so would send it with every answer.
    session.get::<Flash>(FLASH).ok().flatten()?;
    session.remove_as::<Flash>(FLASH)?.ok()
}

/// Marks a request whose cookie, when it is written, outlives the browser.
struct Remembered;

/// Makes the cookie, if this answer writes it, live for 30 days.
pub fn remember(request: &impl HttpMessage) {
    request.extensions_mut().insert(Remembered);
}

/// Adds the longer life to the cookie in `headers`.
pub fn lengthen(request: &impl HttpMessage, headers: &mut HeaderMap, secure: bool) {
    if !request.extensions().contains::<Remembered>() {
        return;
    }
    let cookies: Vec<HeaderValue> = headers.remove(header::SET_COOKIE).collect();
    for cookie in cookies {
        let text = cookie.to_str().unwrap_or_default();
        let ours = text.starts_with(&format!("{}=", name(secure))) && !text.contains("Max-Age");
        let longer =
            ours.then(|| HeaderValue::from_str(&format!("{text}; Max-Age={REMEMBERED}")).ok()).flatten();
        headers.append(header::SET_COOKIE, longer.unwrap_or(cookie));
    }
}

/// Rewrites a cookie of the previous key into one of today's, so that a changed key logs nobody out.
pub fn accept_previous_key(request: &mut ServiceRequest, keys: &CookieKeys) {
    let Some(previous) = &keys.previous else { return };
    let name = name(keys.secure);
    let Some(text) = request.headers().get(header::COOKIE).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Some(sent) = text
        .split(';')
        .filter_map(|pair| Cookie::parse_encoded(pair.trim().to_owned()).ok())
        .find(|cookie| cookie.name() == name)
    else {
        return;
    };
    if open(&keys.key, &sent).is_some() {
        return;
    }
    let Some(value) = open(previous, &sent) else { return };
    let mut jar = CookieJar::new();
    jar.private_mut(&keys.key).add(Cookie::new(name, value));
    let rewritten =
        jar.get(name).and_then(|cookie| HeaderValue::from_str(&cookie.encoded().stripped().to_string()).ok());
    if let Some(value) = rewritten {
        request.headers_mut().insert(header::COOKIE, value);
    }
}

fn open(key: &Key, cookie: &Cookie<'static>) -> Option<String> {
    let mut jar = CookieJar::new();
    jar.add_original(cookie.clone());
    jar.private(key).get(cookie.name()).map(|plain| plain.value().to_owned())
}

/// Seals a short text so that it can travel through a form's hidden field and come back unread and unchanged.
pub fn seal(key: &Key, purpose: &'static str, text: String) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(purpose, text));
    jar.get(purpose).map(|cookie| cookie.value().to_owned()).unwrap_or_default()
}

/// Opens what [`seal`] made for the same purpose.
pub fn unseal(key: &Key, purpose: &'static str, sealed: &str) -> Option<String> {
    open(key, &Cookie::new(purpose, sealed.to_owned()))
}
