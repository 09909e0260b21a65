//! Who may open the console. On loopback without a token everybody who can reach it; with a token whoever
//! knows it: a program sends it with each request, a browser once and gets a cookie for 12 hours. Wrong
//! tokens are counted by address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::console::Console;
use super::frame::Frame;
use crate::web::{Error, Form, Site, local_path, see_other};

/// How long a browser is let in.
const LIFE: i64 = 12 * 60 * 60;
/// Wrong tokens that one address may send in a window, and all addresses together.
const MOST_FAILURES: (u32, u32) = (5, 50);
const WINDOW: Duration = Duration::from_secs(60);
/// What is answered without a token, so that somebody can give it.
const OPEN: &[&str] = &["/login", "/livez"];

/// What opens the console.
pub struct Access {
    token: Option<String>,
    failures: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Access {
    /// None lets everybody in.
    pub fn new(token: Option<String>) -> Self {
        Self { token, failures: Mutex::default() }
    }

    /// Whether there is a token to be given.
    pub fn asks(&self) -> bool {
        self.token.is_some()
    }

    /// Compares in a time that tells nothing of the token.
    fn knows(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|token| {
            mac(token, "the token itself")
                .verify_slice(&mac(given, "the token itself").finalize().into_bytes())
                .is_ok()
        })
    }

    fn cookie_value(&self, until: i64) -> Option<String> {
        let mac = mac(self.token.as_ref()?, &format!("cookie until {until}")).finalize().into_bytes();
        Some(format!("{until}.{}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    }

    fn cookie_counts(&self, value: &str, now: i64) -> bool {
        let (Some(token), Some((until, hex))) = (&self.token, value.split_once('.')) else { return false };
        let Ok(until) = until.parse::<i64>() else { return false };
        let given: Option<Vec<u8>> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let genuine = given
            .is_some_and(|given| mac(token, &format!("cookie until {until}")).verify_slice(&given).is_ok());
        genuine && now < until && until <= now + LIFE
    }

    /// Whether this address has sent too many wrong tokens lately, or all addresses together.
    fn is_tired_of(&self, address: IpAddr) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (since, _)| since.elapsed() < WINDOW);
        let own = failures.get(&address).map_or(0, |(_, count)| *count);
        own >= MOST_FAILURES.0 || failures.values().map(|(_, count)| *count).sum::<u32>() >= MOST_FAILURES.1
    }

    /// Whether a request carries the token itself.
    pub(super) fn is_opened_by(&self, request: &HttpRequest) -> bool {
        bearer(request).is_some_and(|token| !self.is_tired_of(peer(request)) && self.knows(token))
    }

    /// The answer to a program that does not send the right token, where one is set.
    pub(super) fn refusal_for_program(&self, request: &HttpRequest) -> Option<HttpResponse> {
        if !self.asks() {
            return None;
        }
        let address = peer(request);
        if self.is_tired_of(address) {
            return Some(too_often());
        }
        let given = bearer(request);
        if given.is_some_and(|token| self.knows(token)) {
            return None;
        }
        if given.is_some() {
            self.count_failure(address);
            log::warn!(target: "security", "wrong token for the console from {address}");
        }
        Some(unauthorized())
    }

    fn count_failure(&self, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(address).or_insert_with(|| (Instant::now(), 0)).1 += 1;
    }
}

fn mac(key: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.update(b"pigeonhole console v1: ");
    mac.update(text.as_bytes());
    mac
}

fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip())
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request carries the token itself, which no page of another site can send.
pub(super) fn carries_token(request: &ServiceRequest) -> bool {
    let Some(console) = request.app_data::<web::Data<Console>>() else { return false };
    bearer(request.request()).is_some_and(|token| {
        !console.access.is_tired_of(peer(request.request())) && console.access.knows(token)
    })
}

/// The middleware: lets those in who may.
///
/// # Errors
/// Those of the handlers.
pub(super) async fn pass(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(console) = request.app_data::<web::Data<Console>>().cloned() else {
        return Err(Error::Internal("finding the console's state", "it was not registered".into()).into());
    };
    let open = OPEN.contains(&request.path()) || request.path().starts_with("/static/");
    if !console.access.asks() || open {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    if let Some(token) = bearer(request.request()) {
        let address = peer(request.request());
        if console.access.is_tired_of(address) {
            return Ok(request.into_response(too_often()));
        }
        if console.access.knows(token) {
            return Ok(next.call(request).await?.map_into_boxed_body());
        }
        console.access.count_failure(address);
        log::warn!(target: "security", "wrong token for the console from {address}");
        return Ok(request.into_response(unauthorized()));
    }
    let cookie = request.cookie(cookie_name(request.request()));
    if cookie
        .is_some_and(|cookie| console.access.cookie_counts(cookie.value(), chrono::Utc::now().timestamp()))
    {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.path().ends_with(".json")
        && !request.path().ends_with(".txt")
        && request.path() != "/metrics";
    let refusal = if page {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let query: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("next", &target).finish();
        see_other(&format!("/login?{query}"))
    } else {
        unauthorized()
    };
    Ok(request.into_response(refusal))
}

fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish()
}

fn too_often() -> HttpResponse {
    HttpResponse::TooManyRequests()
        .insert_header((header::RETRY_AFTER, WINDOW.as_secs().to_string()))
        .finish()
}

fn cookie_name(request: &HttpRequest) -> &'static str {
    if is_tls(request) { "__Host-pigeonhole-console" } else { "pigeonhole-console" }
}

fn is_tls(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Site>>().is_some_and(|site| site.tls_only)
}

#[derive(Template)]
#[template(path = "admin/login.html")]
struct LoginPage {
    frame: Frame,
    next: String,
    wrong: bool,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Wanted {
    next: Option<String>,
}

/// The token, as it was typed.
#[derive(Deserialize)]
pub struct Given {
    token: String,
    #[serde(default)]
    next: String,
}

/// GET /login
pub async fn new(wanted: web::Query<Wanted>) -> Result<HttpResponse, Error> {
    let next = wanted.into_inner().next.unwrap_or_default();
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(LoginPage { frame: Frame::bare(), next, wrong: false }.render()?))
}

/// POST /login
pub async fn create(
    request: HttpRequest,
    console: web::Data<Console>,
    form: Form<Given>,
) -> Result<HttpResponse, Error> {
    let Form(given) = form;
    let address = peer(&request);
    if console.access.is_tired_of(address) {
        return Ok(too_often());
    }
    let next = given.next;
    let until = chrono::Utc::now().timestamp() + LIFE;
    let Some(value) = console.access.cookie_value(until).filter(|_| console.access.knows(given.token.trim()))
    else {
        console.access.count_failure(address);
        log::warn!(target: "security", "wrong token for the console from {address}");
        let page = LoginPage { frame: Frame::bare(), next, wrong: true };
        return Ok(HttpResponse::UnprocessableEntity()
            .content_type("text/html; charset=utf-8")
            .body(page.render()?));
    };
    log::info!(target: "security", "the console was opened from {address}");
    let mut response = see_other(local_path(&next).unwrap_or("/"));
    let _ = response.add_cookie(&cookie(&request, value, LIFE));
    Ok(response)
}

/// POST /logout
pub async fn delete(request: HttpRequest) -> Result<HttpResponse, Error> {
    let mut response = see_other("/login");
    let _ = response.add_cookie(&cookie(&request, String::new(), 0));
    Ok(response)
}

fn cookie(request: &HttpRequest, value: String, life: i64) -> Cookie<'static> {
    Cookie::build(cookie_name(request), value)
        .path("/")
        .http_only(true)
        .secure(is_tls(request))
        .same_site(SameSite::Strict)
        .max_age(actix_web::cookie::time::Duration::seconds(life))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_until_its_time_and_with_its_token_only() {
        let access = Access::new(Some("0123456789abcdef0123456789abcdef".to_owned()));
        let value = access.cookie_value(1000).expect("a cookie");
        assert!(access.cookie_counts(&value, 999));
        assert!(!access.cookie_counts(&value, 1000));
        assert!(!access.cookie_counts(&value.replace("1000.", "1001."), 999));
        assert!(
            !Access::new(Some("another token of thirty-two chars".to_owned())).cookie_counts(&value, 999)
        );
        assert!(!Access::new(None).cookie_counts(&value, 999));
        for broken in ["", ".", "1000.", "1000.zz", "1000.é", "x.00"] {
            assert!(!access.cookie_counts(broken, 999), "{broken:?}");
        }
    }

    #[test]
    fn one_address_cannot_try_for_ever_and_does_not_lock_others_out() {
        let access = Access::new(Some("0123456789abcdef0123456789abcdef".to_owned()));
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..MOST_FAILURES.0 {
            assert!(!access.is_tired_of(here));
            access.count_failure(here);
        }
        assert!(access.is_tired_of(here));
        assert!(!access.is_tired_of(there));
    }
}
