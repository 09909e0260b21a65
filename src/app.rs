//! Assembles the web application: routes, middleware and shared state around a database.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, web};

use crate::auth::{Hasher, SessionCache, Throttle, ThrottleLimits};
use crate::db::Database;
use crate::messaging::Notifier;
use crate::metrics::{self, Metrics};
use crate::services::Services;
use crate::settings::Settings;
use crate::transfer::UploadSpace;
use crate::web::connections::{ConnectionLimits, Connections, FileLimit, ServerTimes};
use crate::web::cookie::{self, CookieKeys};
use crate::web::error::{extractor_errors, not_found};
use crate::web::graceful_shutdown::RequestDrain;
use crate::web::listen::ListenError;
use crate::web::memory_budget::MemoryBudget;
use crate::web::request_rate::RequestRates;
use crate::web::{
    Context, Site, coding, connections, error_context, error_response, request_guard, request_metrics,
    require_login, routes,
};
use crate::{api, pages};

/// Seconds within which requests in flight must have their response after a stop, and again the seconds
/// within which these responses must be sent.
pub const SHUTDOWN_TIMEOUT: u64 = 30;
/// The time that an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Open files that connections of clients leave to the program: pools, logs, uploads, the console.
const RESERVED_FILES: u64 = 256;
/// The most connections unless CONNECTIONS_LIMIT says otherwise: idle, they take some 200 MiB.
const MOST_CONNECTIONS: usize = 10_240;

/// A server that is bound to its address, to be awaited.
pub struct Listening {
    pub address: SocketAddr,
    pub server: Server,
    /// The state that its handlers share.
    pub context: web::Data<Context>,
}

/// Method and path of every row of both maps.
fn all_routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = api::routes::all().into_iter().chain(pages::routes::all());
    rows.map(|row| (row.method.as_str(), row.path))
}

/// Builds the server and the state of its handlers. The caller stops the server by its handle, and handles
/// the process's signals.
///
/// # Errors
/// [`ListenError`].
pub fn listen(
    listener: TcpListener,
    settings: &Settings,
    key: actix_web::cookie::Key,
    database: Database,
    notifier: Notifier,
) -> Result<Listening, ListenError> {
    let address = listener.local_addr().map_err(|error| ListenError::Other(settings.server.bind, error))?;
    let draining = listener.try_clone().map_err(|error| ListenError::Other(address, error))?;
    let cookies = CookieKeys {
        key,
        previous: settings.server.previous_secret_key.as_ref().map(|key| key.expose().clone()),
        secure: settings.production(),
    };
    let throttle = Throttle::new(&database, throttle_limits(settings));
    let context = web::Data::new(Context {
        services: Services {
            throttle,
            database,
            session_cache: SessionCache::default(),
            notifier,
            hasher: Hasher::with_cost(settings.server.bcrypt_cost),
            uploads: UploadSpace::new(&settings.database.data_dir),
            sign_up: settings.sign_up.policy().into(),
        },
        metrics: Metrics::new(all_routes()),
        drain: RequestDrain::new(draining),
        rates: RequestRates::new(settings.limits.limits()),
        connections: Arc::new(Connections::new(connection_limits(settings))),
        upload_budget: MemoryBudget::new(settings.uploads.bytes()),
        site: site(settings, address),
        cookies,
    });
    let counted = context.clone();
    // Runs until the process ends.
    actix_web::rt::spawn(async move {
        let Services { database, notifier, hasher, .. } = &counted.services;
        metrics::keep_up(&counted.metrics, database, notifier, hasher).await;
    });
    let keeping = context.clone();
    // The same.
    actix_web::rt::spawn(async move {
        let Services { database, session_cache, .. } = &keeping.services;
        session_cache.keep_uses_written(database).await;
    });
    let server = serve(listener, context.clone()).map_err(|error| ListenError::Other(address, error))?;
    Ok(Listening { address, server, context })
}

fn throttle_limits(settings: &Settings) -> ThrottleLimits {
    ThrottleLimits {
        sign_ups: settings.throttling.sign_ups_per_address,
        failures: settings.throttling.failures_per_address,
        attempts: settings.throttling.attempts_per_address,
    }
}

fn connection_limits(settings: &Settings) -> ConnectionLimits {
    let fit = || FileLimit::now().connections(RESERVED_FILES, MOST_CONNECTIONS);
    ConnectionLimits {
        total: settings.connections.connections_limit.unwrap_or_else(fit),
        per_client: settings.connections.connections_per_address,
        trusted: settings.server.trusted_proxies.clone(),
    }
}

fn site(settings: &Settings, address: SocketAddr) -> web::Data<Site> {
    web::Data::new(Site {
        origins: settings.server.origins(address.port()),
        tls_only: settings.production(),
        trusted_proxies: settings.server.trusted_proxies.clone(),
        budget: MemoryBudget::new(settings.connections.memory_budget << 20),
        // A monitoring system may call this process by its address.
        allows_any_host: |request| matches!(request.path(), "/livez" | "/readyz"),
        add_error_body: error_response::add_error_body,
    })
}

fn serve(listener: TcpListener, context: web::Data<Context>) -> std::io::Result<Server> {
    let times = ServerTimes { threads: None, keep_alive: KEEP_ALIVE, shutdown_timeout: SHUTDOWN_TIMEOUT };
    let (connections, site) = (context.connections.clone(), context.site.clone());
    connections::serve(listener, times, connections.clone(), site.clone(), move || {
        App::new()
            .app_data(context.clone())
            .app_data(context.site.clone())
            .configure(extractor_errors)
            .wrap(from_fn(error_context::middleware))
            .wrap(cookie::middleware(&context.cookies))
            .wrap(from_fn(request_guard::middleware))
            .wrap(from_fn(request_metrics::middleware))
            .wrap(Compress::default())
            .wrap(from_fn(coding::middleware))
            .configure(|config| routes::register(config, api::routes::all(), require_login))
            .configure(|config| routes::register(config, pages::routes::all(), require_login))
            .default_service(web::route().to(not_found))
    })
}
