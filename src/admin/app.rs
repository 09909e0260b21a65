//! Assembles the console's server. It shares only the process with the application's server: it has its own
//! address, cookies, connections and one thread.

use std::collections::BTreeSet;
use std::net::TcpListener;

use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, web};

use super::action_log;
use super::console::Console;
use super::edge;
use super::errors;
use super::guard::{carries_token, require_token};
use super::routes;
use crate::web::error::{extractor_errors, not_found};
use crate::web::listen::ListenError;
use crate::web::routes::guarded;
use crate::web::{Site, coding, connections, request_guard};

/// Builds the server. It stops through its handle; signals are the caller's.
///
/// # Errors
/// [`ListenError`].
pub fn listen(
    listener: TcpListener,
    origins: BTreeSet<String>,
    console: web::Data<Console>,
) -> Result<actix_web::dev::Server, ListenError> {
    let address =
        listener.local_addr().map_err(|error| ListenError::Other(([0, 0, 0, 0], 0).into(), error))?;
    let site = web::Data::new(Site {
        tls_only: !origins.is_empty() && origins.iter().all(|origin| origin.starts_with("https://")),
        origins,
        trusted_proxies: console.settings.server.trusted_proxies.clone(),
        budget: edge::budget(),
        // DNS rebinding leads a browser's page here under a foreign host name; such a page has no token.
        allows_any_host: carries_token,
        add_error_body: errors::add_error_body,
    });
    let trusted = console.settings.server.trusted_proxies.clone();
    let own_site = site.clone();
    connections::serve(listener, edge::TIMES, edge::connections(trusted), own_site.clone(), move || {
        App::new()
            .app_data(console.clone())
            .app_data(site.clone())
            .configure(extractor_errors)
            .wrap(from_fn(action_log::middleware))
            .wrap(from_fn(request_guard::middleware))
            .wrap(Compress::default())
            .wrap(from_fn(coding::middleware))
            .configure(routes::register)
            .default_service(guarded(web::route().to(not_found), require_token, None))
    })
    .map_err(|error| ListenError::Other(address, error))
}
