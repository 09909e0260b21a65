//! The address of `pigeonhole worker`: `/livez`, `/readyz` and `/metrics`. The first two are open, so that a
//! supervisor can call them by address; `/metrics` needs the token where one is set.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::application::DatabaseFigures;
use super::console_token::ConsoleToken;
use super::edge;
use super::guard::{TokenRefusal, check_bearer, sends_right_token};
use super::scrape;
use crate::db::Database;
use crate::messaging::{Notifier, Readiness};
use crate::metrics::Uptime;
use crate::settings::Networks;
use crate::web::error::not_found;
use crate::web::listen::ListenError;
use crate::web::{Route, Site, coding, connections, health, request_guard, routes};

/// The state that a worker's handlers share.
pub struct WorkerState {
    database: Database,
    notifier: Notifier,
    readiness: Arc<Readiness>,
    figures: DatabaseFigures,
    uptime: Uptime,
    token: ConsoleToken,
}

impl WorkerState {
    /// `token` is ADMIN_TOKEN; a request waits for the database as long as `timeout`.
    pub fn new(
        database: Database,
        notifier: Notifier,
        readiness: Arc<Readiness>,
        token: Option<String>,
        timeout: Duration,
    ) -> Self {
        Self {
            database,
            notifier,
            readiness,
            figures: DatabaseFigures::new(timeout),
            uptime: Uptime::start(),
            token: ConsoleToken::new(token),
        }
    }
}

/// Builds the server, with one thread. `origins` are those of ADMIN_ORIGIN. It stops when its handle is
/// stopped.
///
/// # Errors
/// [`ListenError`].
pub fn listen_worker(
    listener: TcpListener,
    origins: BTreeSet<String>,
    state: WorkerState,
) -> Result<actix_web::dev::Server, ListenError> {
    let address =
        listener.local_addr().map_err(|error| ListenError::Other(([0, 0, 0, 0], 0).into(), error))?;
    let site = web::Data::new(Site {
        tls_only: false,
        origins,
        trusted_proxies: Networks::default(),
        budget: edge::budget(),
        allows_any_host,
        add_error_body: |response, _| response,
    });
    let state = web::Data::new(state);
    let own_site = site.clone();
    connections::serve(
        listener,
        edge::TIMES,
        edge::connections(Networks::default()),
        own_site.clone(),
        move || {
            App::new()
                .app_data(state.clone())
                .app_data(site.clone())
                .wrap(from_fn(request_guard::middleware))
                .wrap(Compress::default())
                .wrap(from_fn(coding::middleware))
                .configure(|config| routes::register(config, all_routes(), require_token))
                .default_service(web::route().to(not_found))
        },
    )
    .map_err(|error| ListenError::Other(address, error))
}

fn all_routes() -> Vec<Route> {
    vec![
        Route::get("/livez", health::live).public(),
        Route::get("/readyz", ready).public(),
        Route::get("/metrics", metrics),
    ]
}

async fn require_token(request: &HttpRequest, _: &mut Payload) -> Result<(), TokenRefusal> {
    match request.app_data::<web::Data<WorkerState>>() {
        Some(state) if !state.token.is_set() => Ok(()),
        Some(state) => check_bearer(&state.token, request).unwrap_or(Err(TokenRefusal::Unauthorized)),
        None => Err(TokenRefusal::Unauthorized),
    }
}

/// Supervisors and a Prometheus with the token call the worker by address. Other requests must name this
/// machine or an origin of ours, so that a page of another site cannot read the numbers by DNS rebinding.
fn allows_any_host(request: &ServiceRequest) -> bool {
    let state = request.app_data::<web::Data<WorkerState>>();
    matches!(request.path(), "/livez" | "/readyz")
        || state.is_some_and(|state| sends_right_token(&state.token, request.request()))
}

/// GET /readyz
async fn ready(state: web::Data<WorkerState>) -> HttpResponse {
    match state.readiness.check() {
        Ok(()) => plain(HttpResponse::Ok(), "ok"),
        Err(reason) => plain(HttpResponse::ServiceUnavailable(), &reason.to_string()),
    }
}

fn plain(mut response: HttpResponseBuilder, line: &str) -> HttpResponse {
    response.content_type("text/plain; charset=utf-8").body(format!("{line}\n"))
}

/// GET /metrics
async fn metrics(state: web::Data<WorkerState>) -> HttpResponse {
    let text = scrape::of_worker(&state.database, &state.notifier, &state.figures, &state.uptime).await;
    HttpResponse::Ok().content_type(scrape::CONTENT_TYPE).body(text)
}
