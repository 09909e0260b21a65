//! The outermost middleware but for metrics and compression. It numbers the request, refuses hosts and
//! origins that are not ours, catches panics, and gives every response its security headers and every error
//! its body.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use log::Level;

use super::body;
use super::client_address::{ClientAddress, client_address};
use super::context::Context;
use super::cookie;
use super::current_user::CurrentUser;
use super::error::Error;
use super::error_context::ErrorContext;
use super::held_body::HeldBody;
use super::refusal_log::{log_refusal, place};
use super::request_info::{RequestInfo, new_request_id};
use super::response_headers::finish;
use super::site::Site;
use crate::domain::ClientNetwork;
use crate::log_context::{self, Cause, LogContext};
use crate::services::audit::{self, Subject};

/// The middleware.
///
/// # Errors
/// Only for a panic, as the request is lost with it; the response is whole all the same.
pub async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(site) = request.app_data::<web::Data<Site>>().cloned() else {
        return Err(Error::Internal("finding the shared state", "it was not registered".into()).into());
    };
    let address = client_address(request.peer_addr(), request.headers(), &site.trusted_proxies);
    request.extensions_mut().insert(ClientAddress(address));
    let info = RequestInfo::of(&request, new_request_id(), address);
    let log_context = LogContext::of_request(&info.request_id);
    log_context.scope(answer(request, next, info, site)).await
}

async fn answer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    info: RequestInfo,
    site: web::Data<Site>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Err(rejection) = admit(&request, &site, &info) {
        // Not routed yet; the pattern is found by the path, and is never the path.
        let route = request.match_pattern();
        let place = format!(" at {}", place(request.method(), route.as_deref()));
        audit::refused(info.address, rejection.event(), &place, &Subject::Stranger);
        let response = finish(rejection.response(), &info, &site);
        return Ok(request.into_response(response));
    }
    if info.has_needless_escapes() {
        let response = finish(Error::NotFound.error_response(), &info, &site);
        return Ok(request.into_response(response));
    }
    cookie::drop_disguised(&mut request);
    if let Some(context) = request.app_data::<web::Data<Context>>().cloned() {
        cookie::admit(&mut request, &context.cookies);
    }
    let method = request.method().clone();
    let status = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => {
            log_failure(&method, &info, response.status());
            let response = response.map_into_boxed_body();
            log_refusal(&response, &info, &place(&method, route()));
            return Ok(complete(response, &info, &site));
        }
        Ok(Err(error)) => error.as_response_error().status_code(),
        Err(_) => {
            log_context::keep_cause(Level::Error, "a handler panicked".to_owned());
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    log_failure(&method, &info, status);
    Err(Lost { status, info, site }.into())
}

/// Writes the answer and its cause in one line: for each answer with a cause, and for each server error.
fn log_failure(method: &Method, info: &RequestInfo, status: StatusCode) {
    let (level, cause) = match log_context::current().and_then(|context| context.take_cause()) {
        Some(Cause { level, text }) => (level, format!(": {text}")),
        None if status.is_server_error() => (Level::Warn, String::new()),
        None => return,
    };
    let (event, place) = (format!("answered {}", status.as_u16()), place(method, route()));
    log::log!(level, event = event.as_str(), address:% = info.address; "{event} to {place}{cause}");
}

/// The pattern of the route that the current request matched.
fn route() -> Option<&'static str> {
    log_context::current()?.route()
}

fn complete(response: ServiceResponse<BoxBody>, info: &RequestInfo, site: &Site) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let tenant = request.extensions().get::<CurrentUser>().map(|user| user.tenant.tenant());
    let reservation = site.budget.reservation(ClientNetwork::of(info.address), tenant);
    body::release(&request);
    let held = HeldBody::hold(response, reservation).unwrap_or_else(|refusal| {
        let mut refused = Error::from(refusal).error_response();
        refused.extensions_mut().insert(ErrorContext::of(&request, CurrentUser::known(&request)));
        finish(refused, info, site)
    });
    let mut response = finish(held, info, site);
    cookie::extend_life(&request, response.headers_mut(), site.tls_only);
    ServiceResponse::new(request, response)
}

/// Why a request is refused before it is routed.
enum Rejection {
    UnknownHost,
    CrossOrigin,
}

impl Rejection {
    /// The kind of the line in the security log.
    fn event(&self) -> &'static str {
        match self {
            Self::UnknownHost => "host refused",
            Self::CrossOrigin => "origin refused",
        }
    }

    fn response(&self) -> HttpResponse {
        match self {
            Self::UnknownHost => HttpResponse::new(StatusCode::MISDIRECTED_REQUEST),
            Self::CrossOrigin => Error::Forbidden("This request came from another site.").error_response(),
        }
    }
}

fn admit(request: &ServiceRequest, site: &Site, info: &RequestInfo) -> Result<(), Rejection> {
    if !(site.allows_any_host)(request) && !names_our_host(request, site) {
        return Err(Rejection::UnknownHost);
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    // The API reads no cookie: a page of another site cannot make a browser send the bearer token.
    if safe || info.is_api_call() || from_our_own_page(request.headers(), site) {
        Ok(())
    } else {
        Err(Rejection::CrossOrigin)
    }
}

/// Whether every host name in a request is one of ours: the header Host, and the target where that is a whole
/// URL (RFC 9112, 3.2.2).
fn names_our_host(request: &ServiceRequest, site: &Site) -> bool {
    let named = request.headers().get_all(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let mut names = named.chain(request.uri().authority().map(|authority| authority.as_str())).peekable();
    names.peek().is_some() && names.all(|name| site.answers_for(name))
}

/// Browsers send the origin of a request: `Sec-Fetch-Site` (only same-origin is accepted), or `Origin` over
/// plain HTTP on a local network. Without either the client is not a browser and sends no cookie on behalf of
/// a page. Every value of a repeated header must be accepted.
fn from_our_own_page(headers: &HeaderMap, site: &Site) -> bool {
    if headers.contains_key("sec-fetch-site") {
        return headers.get_all("sec-fetch-site").all(|site| site == "same-origin");
    }
    headers
        .get_all(header::ORIGIN)
        .all(|origin| origin.to_str().is_ok_and(|origin| site.origins.contains(origin)))
}

/// The response to a request that was lost with its handler.
struct Lost {
    status: StatusCode,
    info: RequestInfo,
    site: web::Data<Site>,
}

impl std::fmt::Debug for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for request {}", self.status, self.info.request_id)
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl ResponseError for Lost {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        finish(HttpResponse::new(self.status), &self.info, &self.site)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    use super::*;
    use crate::auth::{Hasher, SessionCache, Throttle, ThrottleLimits};
    use crate::db::{Database, PoolLimits};
    use crate::domain::UsageLimits;
    use crate::messaging::Notifier;
    use crate::metrics::Metrics;
    use crate::services::Services;
    use crate::transfer::UploadSpace;
    use crate::web::graceful_shutdown::RequestDrain;
    use crate::web::request_rate::RequestRates;

    #[actix_web::test]
    async fn a_panic_is_a_500_without_its_message_and_the_next_request_succeeds() {
        let unused = "postgresql://unused@127.0.0.1:1/none".parse().expect("a URL");
        let database = Database::new(&unused, PoolLimits { connections: 1, at_once: None });
        let site = web::Data::new(Site {
            origins: ["http://localhost:5000".to_owned()].into(),
            tls_only: true,
            trusted_proxies: crate::settings::Networks::default(),
            budget: crate::web::memory_budget::MemoryBudget::new(1 << 20),
            allows_any_host: |_| false,
            add_error_body: crate::web::error_response::add_error_body,
        });
        let context = Context {
            services: Services {
                throttle: Throttle::new(&database, ThrottleLimits { sign_ups: 1, failures: 1, attempts: 1 }),
                database,
                session_cache: SessionCache::default(),
                notifier: Notifier::default(),
                hasher: Hasher::with_cost(10),
                uploads: UploadSpace::new(&std::env::temp_dir()),
                sign_up: std::sync::Arc::default(),
            },
            metrics: Metrics::new([]),
            drain: RequestDrain::new(std::net::TcpListener::bind("127.0.0.1:0").expect("a port")),
            rates: RequestRates::new(UsageLimits::default()),
            connections: std::sync::Arc::new(crate::web::connections::Connections::new(
                crate::web::connections::ConnectionLimits {
                    total: 1,
                    per_client: 1,
                    trusted: crate::settings::Networks::default(),
                },
            )),
            upload_budget: crate::web::memory_budget::MemoryBudget::new(0),
            site: site.clone(),
            cookies: cookie::CookieKeys {
                key: actix_web::cookie::Key::generate(),
                previous: None,
                secure: true,
            },
        };
        async fn fail() -> HttpResponse {
            panic!("a secret of the handler")
        }
        let app = App::new()
            .app_data(web::Data::new(context))
            .app_data(site)
            .wrap(from_fn(middleware))
            .route("/fail", web::get().to(fail))
            .route("/fine", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let request =
            |path: &str| test::TestRequest::get().uri(path).insert_header(("host", "localhost")).to_request();
        let Err(error) = test::try_call_service(&app, request("/fail")).await else {
            panic!("the panic made no error")
        };
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        for name in ["content-security-policy", "strict-transport-security", "x-request-id", "cache-control"]
        {
            assert!(response.headers().contains_key(name), "{name}");
        }
        let body = actix_web::body::to_bytes(response.into_body()).await.expect("a body");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
        assert_eq!(test::call_service(&app, request("/fine")).await.status(), StatusCode::OK);
    }
}
