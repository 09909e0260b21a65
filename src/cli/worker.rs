//! `pigeonhole worker`: the relay of the outbox and the handlers of its messages, without the application. On
//! ADMIN_BIND it answers whether it works and gives its metrics.

use anyhow::Context;

use super::schema::{check_login, open_database, require_current};
use super::stop::StopSignal;
use super::{admin_address, file_limit, output};
use crate::admin::{WorkerState, listen_worker};
use crate::db::Database;
use crate::maintenance;
use crate::messaging::MessageWorker;
use crate::settings::Settings;

/// Works until SIGTERM or Ctrl-C.
///
/// # Errors
/// One line that says what prevents the start.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut stop = StopSignal::listen()?;
    file_limit::raise();
    let config = settings
        .database
        .url
        .as_ref()
        .context("worker needs DATABASE_URL; with the embedded database, serve does its work")?;
    let Some(checked) = stop.until_stopped(require_current(config)).await else { return Ok(()) };
    checked?;
    let database = open_database(settings, config);
    database.refuse_unsafe_schema().await?;
    check_login(settings, &database).await?;
    let listener = admin_address::take(settings, settings.console.worker_address(), "address of its own")?;
    let routed = database.clone();
    let routing =
        settings.cluster.tenant_routing.then(|| actix_web::rt::spawn(async move { routed.route().await }));
    let maintenance = actix_web::rt::spawn(maintenance::run_hourly(database.clone()));
    let worker = MessageWorker::start(&database, settings.messaging.broker.as_ref());
    let server = listener.map(|listener| listen(settings, listener, &database, &worker)).transpose()?;
    output::line("working");
    log::info!("working");
    stop.received().await;
    log::info!("stopping: messages in progress are finished first");
    worker.stop().await;
    if let Some(server) = server {
        server.stop(true).await;
    }
    maintenance.abort();
    routing.inspect(tokio::task::JoinHandle::abort);
    Ok(())
}

fn listen(
    settings: &Settings,
    listener: std::net::TcpListener,
    database: &Database,
    worker: &MessageWorker,
) -> anyhow::Result<actix_web::dev::ServerHandle> {
    let address = listener.local_addr()?;
    let state = WorkerState::new(
        database.clone(),
        worker.notifier(),
        worker.readiness(),
        settings.console.admin_token.as_ref().map(|token| token.expose().to_owned()),
        settings.cluster.node_timeout,
    );
    let server = listen_worker(listener, settings.console.origins(address.port()), state)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    log::info!("health and metrics: http://{address}");
    Ok(handle)
}
