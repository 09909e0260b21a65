//! The security log's line about a refused request. It is written in one place, when the answer is known, so
//! that no handler has to remember it. A refusal of which more is known, such as the name that was typed to
//! log in, has its line already (`services/audit.rs`).

use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};

use super::current_user::{CurrentUser, RefusedToken};
use super::error::PublicError;
use super::request_info::RequestInfo;
use crate::log_context;
use crate::services::audit::{self, Subject};

/// How a line of the log names a request: the method and the route's pattern. The path may be a secret, and
/// so may a method that is none of HTTP's.
pub fn place(method: &Method, route: Option<&str>) -> String {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    let method = if known.contains(method) { method.as_str() } else { "(other)" };
    format!("{method} {}", route.unwrap_or("(unmatched)"))
}

/// Writes the line if the answer is a refusal: of the right (403), the token (401), the size (413), the
/// number of requests (429), a limit (422), or a token in the path (404).
pub fn log_refusal(response: &ServiceResponse<BoxBody>, info: &RequestInfo, place: &str) {
    let Some(context) = log_context::current().filter(|context| !context.refusal_is_logged()) else { return };
    let (request, answer) = (response.request(), response.response());
    let extensions = request.extensions();
    let token = extensions.get::<RefusedToken>();
    let public = answer.extensions().get::<PublicError>().cloned();
    let event = match response.status() {
        StatusCode::UNAUTHORIZED => {
            // A stranger who opens a page is led to the login.
            let led_to_login = public.as_ref().is_some_and(|error| error.login_required);
            if led_to_login && token.is_none() && !info.is_api_call() {
                return;
            }
            "token refused"
        }
        StatusCode::FORBIDDEN => "right refused",
        StatusCode::NOT_FOUND if context.route().is_some_and(|route| route.contains("{token}")) => {
            "token in the path refused"
        }
        StatusCode::UNPROCESSABLE_ENTITY if public.as_ref().is_some_and(|error| error.is_limit) => {
            "limit reached"
        }
        StatusCode::PAYLOAD_TOO_LARGE => "size refused",
        StatusCode::TOO_MANY_REQUESTS => "throttled",
        _ => return,
    };
    let reason = match (response.status(), public) {
        (StatusCode::FORBIDDEN, Some(error)) => format!(" ({})", error.sentence),
        _ => String::new(),
    };
    let subject = match (extensions.get::<CurrentUser>(), token) {
        (Some(user), _) => Subject::User(user.tenant.tenant(), user.id),
        (None, Some(RefusedToken::NotInForce(tenant))) => Subject::TokenOf(*tenant),
        (None, _) => Subject::Stranger,
    };
    audit::refused(info.address, event, &format!(" at {place}{reason}"), &subject);
}
