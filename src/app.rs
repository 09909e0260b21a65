//! Assembles the web application: routes, middleware and shared state around a database. One function serves
//! production and tests alike.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};

use crate::auth::{Hasher, SessionCache};
use crate::db::Database;
use crate::messaging::Notifier;
use crate::metrics::{self, Metrics};
use crate::services::Services;
use crate::settings::Settings;
use crate::web::{
    Context, Departure, Site, coding, cookie, error_response, request_guard, request_metrics, require_login,
    routes,
};
use crate::{api, pages};

/// How long requests in flight may take to be answered after a stop was asked for, and then to be sent, in
/// seconds.
pub const SHUTDOWN_TIMEOUT: u64 = 30;
/// The longest that the head of a request may take to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A server that listens and is about to serve.
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// What to await.
    pub server: actix_web::dev::Server,
    /// What its handlers share.
    pub context: web::Data<Context>,
}

/// Why nothing can be served at the address.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("{0} is in use by another program; stop that one or set BIND to another port")]
    InUse(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, std::io::Error),
}

/// Takes the address. Done before anything else is started, so that a second start changes nothing.
///
/// # Errors
/// [`ListenError`], which names the address.
pub fn take_address(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Other(address, error),
    })
}

/// Method and path of every row of both maps.
fn all_routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = api::routes::all().into_iter().chain(pages::routes::all());
    rows.map(|row| (row.method.as_str(), row.path))
}

/// Builds the server. It stops when its handle is told to; signals are the caller's.
///
/// # Errors
/// [`ListenError`].
pub fn listen(
    listener: TcpListener,
    settings: &Settings,
    key: actix_web::cookie::Key,
    database: Database,
    messenger: Notifier,
) -> Result<Listening, ListenError> {
    let address = listener.local_addr().map_err(|error| ListenError::Other(settings.bind, error))?;
    let door = listener.try_clone().map_err(|error| ListenError::Other(address, error))?;
    let site = web::Data::new(Site {
        origins: settings.origins(address.port()),
        tls_only: settings.production(),
        // Whoever watches this process may call it by its address.
        takes_any_host: |request| matches!(request.path(), "/livez" | "/readyz"),
        dress: error_response::dress,
    });
    let context = web::Data::new(Context {
        services: Services {
            database,
            session_cache: SessionCache::default(),
            notifier: messenger,
            hasher: Hasher::with_cost(settings.bcrypt_cost),
        },
        metrics: Metrics::new(all_routes()),
        departure: Departure::by(door),
        site: site.clone(),
        key,
        previous_key: settings.previous_secret_key.clone(),
    });
    let shared = context.clone();
    let counted = context.clone();
    // For as long as the program runs.
    actix_web::rt::spawn(async move {
        metrics::keep_up(
            &counted.metrics,
            &counted.services.database,
            &counted.services.notifier,
            &counted.services.hasher,
        )
        .await;
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(context.clone())
            .app_data(site.clone())
            .app_data(web::PathConfig::default().error_handler(|_, _| crate::web::Error::NotFound.into()))
            .app_data(
                web::QueryConfig::default()
                    .error_handler(|_, _| crate::web::Error::BadRequest("The query cannot be read.").into()),
            )
            .wrap(cookie::middleware(&context))
            .wrap(from_fn(request_guard::pass))
            .wrap(from_fn(request_metrics::pass))
            .wrap(Compress::default())
            .wrap(from_fn(coding::pass))
            .configure(|config| routes::register(config, api::routes::all(), require_login))
            .configure(|config| routes::register(config, pages::routes::all(), require_login))
            .default_service(
                web::route().to(async || Err::<actix_web::HttpResponse, _>(crate::web::Error::NotFound)),
            )
    })
    .client_request_timeout(HEAD_DEADLINE)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_TIMEOUT)
    .disable_signals()
    .listen(listener)
    .map_err(|error| ListenError::Other(address, error))?
    .run();
    Ok(Listening { address, server, context: shared })
}
