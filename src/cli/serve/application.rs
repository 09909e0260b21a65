//! The application, and what runs beside it in the process of `serve`.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::rt::{spawn, task::JoinHandle};
use actix_web::web::Data;
use anyhow::Context as _;
use tokio_postgres::Config;

use super::super::logging::LogControl;
use super::super::{admin_address, cookie_key, output};
use super::console::RunningConsole;
use crate::app::{self, Listening};
use crate::db::Database;
use crate::maintenance;
use crate::messaging::{MessageWorker, Notifier};
use crate::settings::Settings;
use crate::web::Context;
use crate::web::listen::take_address;

/// The listeners of the application and of its console.
pub(super) struct Listeners {
    application: TcpListener,
    /// `None` if the console is off, or if another program uses its default address.
    console: Option<TcpListener>,
}

impl Listeners {
    pub(super) fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let application = take_address(settings.server.bind)?;
        let console = admin_address::take(settings, settings.console.address(), "operator's console")?;
        Ok(Self { application, console })
    }
}

/// The application that serves, with its console, its worker and its background tasks.
pub(super) struct RunningApplication {
    database: Database,
    context: Data<Context>,
    server: ServerHandle,
    server_task: JoinHandle<io::Result<()>>,
    console: Option<RunningConsole>,
    worker: Option<MessageWorker>,
    maintenance: JoinHandle<()>,
    routing: Option<JoinHandle<()>>,
}

impl RunningApplication {
    /// Starts everything, and prints the addresses.
    pub(super) fn start(
        listeners: Listeners,
        settings: &Settings,
        config: &Config,
        database: Database,
    ) -> anyhow::Result<Self> {
        let key = secret_key(settings)?;
        let worker = settings
            .worker_in_serve()
            .then(|| MessageWorker::start(&database, settings.messaging.broker.as_ref()));
        let notifier =
            worker.as_ref().map_or_else(|| notify_other_processes(&database), MessageWorker::notifier);
        let listening = app::listen(listeners.application, settings, key, database.clone(), notifier)?;
        let console = listeners
            .console
            .map(|listener| RunningConsole::start(listener, settings, config, &listening))
            .transpose()?;
        let Listening { address, server, context } = listening;
        let handle = server.handle();
        let server_task = spawn(server);
        let maintenance = spawn(maintenance::run_hourly(database.clone()));
        let routed = database.clone();
        let routing = settings.cluster.tenant_routing.then(|| spawn(async move { routed.route().await }));
        announce(settings, address.port(), console.as_ref());
        Ok(Self { database, context, server: handle, server_task, console, worker, maintenance, routing })
    }

    /// Stops in the reverse order. Requests in flight get their response first.
    pub(super) async fn stop(self, log: &LogControl) -> anyhow::Result<()> {
        self.maintenance.abort();
        if let Some(console) = self.console {
            console.stop().await;
        }
        self.routing.inspect(JoinHandle::abort);
        log.mute_accept_errors();
        let drained = self.context.drain.complete(Duration::from_secs(app::SHUTDOWN_TIMEOUT)).await;
        self.server.stop(drained).await;
        self.server_task.await.context("waiting for the server to stop")??;
        self.context.services.session_cache.write_uses(&self.database).await;
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        self.database.close().await;
        Ok(())
    }
}

fn secret_key(settings: &Settings) -> anyhow::Result<Key> {
    match &settings.server.secret_key {
        Some(key) => Ok(key.expose().clone()),
        None => cookie_key::load_or_create(&settings.database.data_dir),
    }
}

/// Wakes the workers of other processes, until this process ends.
fn notify_other_processes(database: &Database) -> Notifier {
    let (notifier, task) = Notifier::of_other_processes(database.clone());
    spawn(task);
    notifier
}

/// Standard output may have no reader, so the log has the addresses too.
fn announce(settings: &Settings, port: u16, console: Option<&RunningConsole>) {
    let address = settings.server.public_origins.shown(port);
    output::line(&address);
    log::info!("serving {address}");
    if let Some(console) = console {
        let text = format!("operator's console: {}", console.address);
        output::line(&text);
        log::info!("{text}");
    }
}
