//! Assembles the console's own server. It shares nothing with the application's but this process: another
//! address, other cookies, other connections, one thread.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};

use super::console::Console;
use super::errors;
use super::guard::{carries_token, require_token};
use super::routes;
use crate::settings::AdminSettings;
use crate::web::error::{extractor_errors, not_found};
use crate::web::listen::ListenError;
use crate::web::routes::guarded;
use crate::web::{Site, coding, request_guard};

/// Builds the server. It stops when its handle is told to.
///
/// # Errors
/// [`ListenError`].
pub fn listen(
    listener: TcpListener,
    admin: &AdminSettings,
    console: web::Data<Console>,
) -> Result<actix_web::dev::Server, ListenError> {
    let address = listener.local_addr().map_err(|error| ListenError::Other(admin.bind, error))?;
    let origins = admin.origins(address.port());
    let site = web::Data::new(Site {
        tls_only: !origins.is_empty() && origins.iter().all(|origin| origin.starts_with("https://")),
        origins,
        // A program that knows the token is not a page that was led here by a foreign name.
        takes_any_host: carries_token,
        dress: errors::dress,
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(console.clone())
            .app_data(site.clone())
            .configure(extractor_errors)
            .wrap(from_fn(request_guard::pass))
            .wrap(Compress::default())
            .wrap(from_fn(coding::pass))
            .configure(routes::register)
            .default_service(guarded(web::route().to(not_found), require_token, None))
    })
    .workers(1)
    .client_request_timeout(Duration::from_secs(5))
    .shutdown_timeout(2)
    .disable_signals()
    .listen(listener)
    .map_err(|error| ListenError::Other(address, error))?
    .run();
    Ok(server)
}
