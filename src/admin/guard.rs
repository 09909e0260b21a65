//! The guard of the console's routes. A program sends the token with each request, a browser once, at the
//! login, and gets a cookie.

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::console::Console;
use super::console_token::{ConsoleToken, FAILURE_WINDOW, cookie_name, peer};
use super::view::Format;
use crate::services::audit::{self, Subject};
use crate::web::{body, client, see_other};

/// Why a request needs a login first.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenRefusal {
    /// A browser that opens a page is sent to the login.
    #[error("login required")]
    LoginPage { next: String },
    #[error("token missing or wrong")]
    Unauthorized,
    #[error("too many wrong tokens")]
    Locked,
}

impl ResponseError for TokenRefusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::LoginPage { .. } => StatusCode::SEE_OTHER,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Locked => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::LoginPage { next } => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                see_other(&format!("/login?{}", query.append_pair("next", next).finish()))
            }
            Self::Unauthorized => {
                HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish()
            }
            Self::Locked => HttpResponse::TooManyRequests()
                .insert_header((header::RETRY_AFTER, FAILURE_WINDOW.as_secs().to_string()))
                .finish(),
        }
    }
}

/// Lets a request through that carries the token or a login's cookie, and every request where no token is
/// set. It asks again once the body has arrived, which may be after a logout.
///
/// # Errors
/// [`TokenRefusal`].
pub(super) async fn require_token(request: &HttpRequest, payload: &mut Payload) -> Result<(), TokenRefusal> {
    check(request)?;
    if body::arrive(request, payload).await { check(request) } else { Ok(()) }
}

fn check(request: &HttpRequest) -> Result<(), TokenRefusal> {
    let Some(console) = request.app_data::<web::Data<Console>>() else {
        return Err(TokenRefusal::Unauthorized);
    };
    if !console.token.is_set() {
        return Ok(());
    }
    if let Some(decision) = check_bearer(&console.token, request) {
        return decision;
    }
    let now = chrono::Utc::now().timestamp();
    match request.cookie(cookie_name(request)) {
        Some(cookie) if console.token.accepts_cookie(cookie.value(), now) => Ok(()),
        cookie if opens_page(request) => {
            if cookie.is_some() {
                let address = client(request).address;
                audit::refused(address, "cookie of the console refused", "", &Subject::Stranger);
            }
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            Err(TokenRefusal::LoginPage { next: target.to_owned() })
        }
        _ => Err(TokenRefusal::Unauthorized),
    }
}

/// Decides on a request that sends a bearer token, and counts a wrong one; none for a request without one.
pub(super) fn check_bearer(token: &ConsoleToken, request: &HttpRequest) -> Option<Result<(), TokenRefusal>> {
    let given = bearer(request)?;
    if token.matches(given) {
        return Some(Ok(()));
    }
    let address = peer(request);
    if token.is_locked_for(address) {
        return Some(Err(TokenRefusal::Locked));
    }
    token.record_failure(address);
    Some(Err(TokenRefusal::Unauthorized))
}

fn opens_page(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && Format::of(request.path()) == Format::Html
        && request.path() != "/metrics"
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request carries the token itself, which no page of another site can send.
pub(super) fn carries_token(request: &ServiceRequest) -> bool {
    let console = request.app_data::<web::Data<Console>>();
    console.is_some_and(|console| sends_right_token(&console.token, request.request()))
}

/// The same for a token that is at hand.
pub(super) fn sends_right_token(token: &ConsoleToken, request: &HttpRequest) -> bool {
    bearer(request).is_some_and(|given| token.matches(given))
}
