//! Route maps: a map is a list of rows, each with a method, a path and a handler. [`register`] adds a map to
//! a server and puts the map's guard before every row that is not public, so that no handler has to remember
//! it.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::{
    FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, ResponseError, guard, web,
};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::body::{self, CarriesDraft};
use super::error::Error;
use super::visitor::{self, FindsUserWithReads};
use crate::log_context;

/// Adds a handler to a route whose method is set.
type AddHandler = Box<dyn FnOnce(actix_web::Route) -> actix_web::Route>;

/// Answers a request in place of the handler that the guard kept it from.
type Fallback = Rc<dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, HttpResponse>>;

/// The arguments of a handler, which are extracted from the request.
pub trait Extractors: FromRequest + 'static {}

impl<Args: FromRequest + 'static> Extractors for Args {}

/// A handler with any arguments and any response, as actix takes it.
pub trait AnyHandler<Args>: Handler<Args, Output: Responder + 'static> {}

impl<Args, H: Handler<Args, Output: Responder + 'static>> AnyHandler<Args> for H {}

/// Decides whether a request reaches a handler; the error is the answer to one that does not. It may read the
/// body, so that it decides when all of the request is there (`body::arrive`).
pub trait Guard<E>: AsyncFn(&HttpRequest, &mut Payload) -> Result<(), E> + Copy + 'static {}

impl<E, G: AsyncFn(&HttpRequest, &mut Payload) -> Result<(), E> + Copy + 'static> Guard<E> for G {}

/// The methods that routes have. GET answers HEAD, too (RFC 9110, 9.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// The method's name in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The methods that the header Allow names for it (RFC 9110, 10.2.1).
    fn allowed(self) -> &'static str {
        if self == Self::Get { "GET, HEAD" } else { self.as_str() }
    }

    /// A route for this method, still without a handler.
    fn route(self) -> actix_web::Route {
        match self {
            Self::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Post => web::method(Method::POST),
            Self::Put => web::method(Method::PUT),
            Self::Patch => web::method(Method::PATCH),
            Self::Delete => web::method(Method::DELETE),
        }
    }
}

/// One row of a route map. It is guarded unless it says `.public()`.
pub struct Route {
    pub method: Verb,
    /// With parameters in braces.
    pub path: &'static str,
    pub public: bool,
    handler: AddHandler,
    fallback: Option<Fallback>,
    carries_draft: bool,
    streams_body: bool,
    finds_user_with_reads: bool,
}

impl Route {
    /// A row for GET and HEAD.
    pub fn get<Args: Extractors>(path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        Self::new(Verb::Get, path, handler)
    }

    /// A row for POST.
    pub fn post<Args: Extractors>(path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        Self::new(Verb::Post, path, handler)
    }

    /// A row for PUT.
    pub fn put<Args: Extractors>(path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        Self::new(Verb::Put, path, handler)
    }

    /// A row for PATCH.
    pub fn patch<Args: Extractors>(path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        Self::new(Verb::Patch, path, handler)
    }

    /// A row for DELETE.
    pub fn delete<Args: Extractors>(path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        Self::new(Verb::Delete, path, handler)
    }

    /// Answers requests that the guard refuses, too: those of people and programs that are not logged in.
    pub fn public(self) -> Self {
        Self { public: true, ..self }
    }

    /// Answers a request that the guard refuses with `handler` in place of the guard's own answer. The
    /// handler takes the reason as [`RefusalReason`].
    pub fn when_refused<Args: Extractors>(self, handler: impl AnyHandler<Args>) -> Self {
        let fallback = move |request, payload| call(handler.clone(), request, payload).boxed_local();
        Self { fallback: Some(Rc::new(fallback)), ..self }
    }

    /// Takes a body that is as long as a note before the user is known: the text of a note is kept through
    /// the login. Other bodies are short before a login.
    pub fn carries_draft(self) -> Self {
        Self { carries_draft: true, ..self }
    }

    /// Leaves the body to the handler, which reads it in pieces and checks the user's rights itself at its
    /// end.
    pub fn streams_body(self) -> Self {
        Self { streams_body: true, ..self }
    }

    /// Lets the handler find the user in the message of its reads, as a [`super::Visitor`]. Only for a row
    /// whose path has no other row that reads.
    pub fn finds_user_with_reads(self) -> Self {
        Self { finds_user_with_reads: true, ..self }
    }

    fn new<Args: Extractors>(method: Verb, path: &'static str, handler: impl AnyHandler<Args>) -> Self {
        let handler = Box::new(|route: actix_web::Route| route.to(handler));
        Self {
            method,
            path,
            public: false,
            handler,
            fallback: None,
            carries_draft: false,
            streams_body: false,
            finds_user_with_reads: false,
        }
    }
}

/// Extracts the arguments and calls the handler, as actix does for a route's own handler.
async fn call<Args: Extractors>(
    handler: impl AnyHandler<Args>,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    match Args::from_request(&request, &mut payload).await {
        Ok(arguments) => handler.call(arguments).await.respond_to(&request).map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    }
}

/// Why a guard refused a request; only handlers of [`Route::when_refused`] find one.
pub struct RefusalReason<E>(pub E);

impl<E: 'static> FromRequest for RefusalReason<E> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || Error::Internal("finding why a request was refused", "it was not refused".into());
        std::future::ready(request.extensions_mut().remove::<Self>().ok_or_else(missing))
    }
}

/// The path of the row that a request matched, under which its metrics are counted.
#[derive(Clone, Copy)]
pub struct Pattern(pub &'static str);

/// Marks the requests to a path that has a row with [`Route::streams_body`].
#[derive(Clone, Copy)]
pub struct StreamsBody;

/// Adds the rows to a server. `guard` decides on every request to a row that is not public, before the row's
/// handler reads anything of it. Another method on a known path is 405 and names the path's methods.
pub fn register<E: ResponseError + 'static>(
    config: &mut web::ServiceConfig,
    routes: Vec<Route>,
    guard: impl Guard<E>,
) {
    let mut resources: Vec<(&'static str, Vec<Route>)> = Vec::new();
    for route in routes {
        match resources.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, rows)) => rows.push(route),
            None => resources.push((route.path, vec![route])),
        }
    }
    for (path, rows) in resources {
        let named = from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            log_context::set_route(path);
            next.call(request)
        });
        config.service(resource(path, rows, guard).app_data(Pattern(path)).wrap(named));
    }
}

fn resource<E: ResponseError + 'static>(
    path: &'static str,
    rows: Vec<Route>,
    guard: impl Guard<E>,
) -> actix_web::Resource {
    let allowed: Vec<&str> = rows.iter().map(|row| row.method.allowed()).collect();
    let allow = allowed.join(", ");
    let refuse = move || {
        let allow = allow.clone();
        async move { HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allow)).finish() }
    };
    let mut resource = web::resource(path).default_service(web::route().to(refuse));
    if rows.iter().any(|row| row.carries_draft) {
        resource = resource.app_data(CarriesDraft);
    }
    if rows.iter().any(|row| row.streams_body) {
        resource = resource.app_data(StreamsBody);
    }
    if rows.iter().any(|row| row.finds_user_with_reads) {
        resource = resource.app_data(FindsUserWithReads);
    }
    for row in rows {
        let mut route = (row.handler)(row.method.route());
        if row.finds_user_with_reads {
            route = confirmed(route);
        }
        resource = resource.route(if row.public { route } else { guarded(route, guard, row.fallback) });
    }
    resource
}

/// A route whose answers only users get, also where its handler did not ask for the user.
fn confirmed(route: actix_web::Route) -> actix_web::Route {
    route.wrap(from_fn(|request: ServiceRequest, next: Next<BoxBody>| async move {
        let response = next.call(request).await?;
        match visitor::confirm(&response).await {
            Ok(()) => Ok(response),
            Err(refusal) => Ok(response.into_response(HttpResponse::from_error(refusal))),
        }
    }))
}

/// A route that only requests reach which `guard` lets through.
pub fn guarded<E: ResponseError + 'static>(
    route: actix_web::Route,
    guard: impl Guard<E>,
    fallback: Option<Fallback>,
) -> actix_web::Route {
    route.wrap(from_fn(move |mut request: ServiceRequest, next: Next<BoxBody>| {
        let fallback = fallback.clone();
        async move {
            let (head, payload) = request.parts_mut();
            match (guard(head, payload).await, fallback) {
                (Ok(()), _) => next.call(request).await,
                (Err(refusal), None) => {
                    let (head, payload) = request.parts_mut();
                    body::keep_refused_form(head, payload).await;
                    Ok(request.into_response(HttpResponse::from_error(refusal)))
                }
                (Err(refusal), Some(fallback)) => {
                    let (request, payload) = request.into_parts();
                    request.extensions_mut().insert(RefusalReason(refusal));
                    let response = fallback(request.clone(), payload).await;
                    Ok(ServiceResponse::new(request, response))
                }
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::{App, test};

    use super::*;

    async fn forgetful() -> &'static str {
        "a handler that asks for no login"
    }

    async fn kept(reason: RefusalReason<Error>) -> Result<HttpResponse, Error> {
        Ok(HttpResponse::build(reason.0.status_code()).body("the text"))
    }

    async fn refuse_all(_: &HttpRequest, _: &mut Payload) -> Result<(), Error> {
        Err(Error::LoginRequired)
    }

    fn map() -> Vec<Route> {
        vec![
            Route::get("/private", forgetful),
            Route::post("/private", forgetful).when_refused(kept),
            Route::get("/public", forgetful).public(),
        ]
    }

    #[actix_web::test]
    async fn a_handler_that_asks_for_no_login_is_not_reached_without_one() {
        let app = App::new().configure(|config| register(config, map(), refuse_all));
        let app = test::init_service(app).await;
        for (method, path, status, body) in [
            (Method::GET, "/private", StatusCode::UNAUTHORIZED, ""),
            (Method::HEAD, "/private", StatusCode::UNAUTHORIZED, ""),
            (Method::POST, "/private", StatusCode::UNAUTHORIZED, "the text"),
            (Method::GET, "/public", StatusCode::OK, "a handler that asks for no login"),
        ] {
            let request = test::TestRequest::with_uri(path).method(method.clone()).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.status(), status, "{method} {path}");
            assert_eq!(test::read_body(response).await, body, "{method} {path}");
        }
    }

    #[actix_web::test]
    async fn another_method_is_405_and_names_the_methods_of_the_path() {
        let app = App::new().configure(|config| register(config, map(), refuse_all));
        let app = test::init_service(app).await;
        for (path, allow) in [("/private", "GET, HEAD, POST"), ("/public", "GET, HEAD")] {
            let request = test::TestRequest::delete().uri(path).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers().get(header::ALLOW).expect("methods"), allow);
        }
    }
}
