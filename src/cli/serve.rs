//! `pigeonhole serve`: from settings to a running application, and back down in the reverse order.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_postgres::Config;

use super::secret;
use crate::app;
use crate::cluster;
use crate::db::{self, Database};
use crate::embedded::{EmbeddedCluster, EmbeddedOptions, EmbeddedPostgres};
use crate::settings::Settings;
use crate::store;

/// How often expired rows and organizations are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// How to serve.
#[derive(clap::Args)]
pub struct Serve {
    /// Make the embedded database a Citus cluster with this many workers (1 to 16). Later starts find it by themselves.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    workers: Option<u8>,
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn run(settings: &Settings, arguments: &Serve) -> anyhow::Result<()> {
    let mut stop = StopSignal::listen()?;
    // First of all, so that a second start touches nothing.
    let listener = app::take_address(settings.bind)?;
    let Some(database) = &settings.database else {
        let options = EmbeddedOptions { data_dir: settings.data_dir.clone(), pg_bin_dir: settings.pg_bin_dir.clone() };
        let workers = match arguments.workers {
            Some(workers) => Some(usize::from(workers)),
            None => EmbeddedCluster::recorded_workers(&options)?,
        };
        if let Some(workers) = workers {
            let Some(started) = stop.or(EmbeddedCluster::start(&options, workers)).await else { return Ok(()) };
            let cluster = started?;
            let served = serve_on_cluster(settings, listener, &cluster, &mut stop).await;
            cluster.stop().await;
            return served;
        }
        let Some(started) = stop.or(EmbeddedPostgres::start(&options)).await else { return Ok(()) };
        let embedded = started?;
        let served = serve(settings, listener, &embedded.config(), &mut stop).await;
        embedded.stop().await;
        return served;
    };
    anyhow::ensure!(arguments.workers.is_none(), "--workers is for the embedded database, and DATABASE_URL names another");
    serve(settings, listener, database, &mut stop).await
}

async fn serve_on_cluster(
    settings: &Settings,
    listener: TcpListener,
    cluster: &EmbeddedCluster,
    stop: &mut StopSignal,
) -> anyhow::Result<()> {
    let config = cluster.config();
    let Some(prepared) = stop.or(db::let_nodes_connect(&config, cluster.password())).await else { return Ok(()) };
    prepared?;
    let Some(spread) = stop.or(distribute_plain_tables(settings, &config)).await else { return Ok(()) };
    spread?;
    serve(settings, listener, &config, stop).await
}

/// Spreads the tables of a server that was alone over the workers, at each start until it is done. The migrations come
/// first, as they make the place where operations are written down.
async fn distribute_plain_tables(settings: &Settings, coordinator: &Config) -> anyhow::Result<()> {
    db::migrate(coordinator, settings.demo_tenant).await?;
    let coordinator = cluster::Session::coordinator(coordinator).await?;
    let plan = cluster::plan_distribution(&coordinator).await?;
    if !plan.is_empty() {
        plan.run(&coordinator, &|line: &str| log::info!("{line}")).await?;
    }
    Ok(())
}

async fn serve(settings: &Settings, listener: TcpListener, config: &Config, stop: &mut StopSignal) -> anyhow::Result<()> {
    let Some(prepared) = stop.or(prepare_schema(settings, config)).await else { return Ok(()) };
    let database = prepared?;
    let key = match &settings.secret_key {
        Some(key) => key.clone(),
        None => secret::kept_in(&settings.data_dir)?,
    };
    let listening = app::listen(listener, settings, key, database.clone())?;
    let handle = listening.server.handle();
    let running = actix_web::rt::spawn(listening.server);
    let purge = actix_web::rt::spawn(purge_for_ever(database.clone()));
    let routing = settings.tenant_routing.then(|| actix_web::rt::spawn(async move { database.route().await }));
    announce(settings, listening.address.port());
    stop.received().await;
    log::info!("stopping: requests in flight are finished first");
    purge.abort();
    routing.inspect(tokio::task::JoinHandle::abort);
    handle.stop(true).await;
    running.await.context("waiting for the server to stop")??;
    Ok(())
}

/// Development and the embedded database migrate by themselves; in production that is an operator's decision, as it is
/// where we connect as a user who may not.
async fn prepare_schema(settings: &Settings, config: &Config) -> anyhow::Result<Database> {
    if settings.database.is_none() || (!settings.production() && db::may_migrate(config).await?) {
        for migration in db::migrate(config, settings.demo_tenant).await?.applied {
            log::info!("applied migration {migration}");
        }
    } else {
        let missing = db::pending(config).await?;
        let names = missing.join(", ");
        anyhow::ensure!(missing.is_empty(), "the schema is older than this program; run `pigeonhole migrate` first (missing: {names})");
    }
    let database = Database::new(config, settings.pool_size);
    database.refuse_unsafe_schema().await?;
    Ok(database)
}

fn announce(settings: &Settings, port: u16) {
    let address = match settings.public_origins.first() {
        Some(origin) => origin.clone(),
        None => format!("http://localhost:{port}"),
    };
    println!("{address}");
}

async fn purge_for_ever(database: Database) {
    loop {
        match store::purge_expired(&database).await {
            Ok(0) => {}
            Ok(removed) => log::info!("removed {removed} expired sessions"),
            Err(error) => log::warn!("expired sessions could not be removed: {error}"),
        }
        if let Err(error) = store::purge_overdue_tenants(&database).await {
            log::warn!("an organization whose time has come could not be removed yet: {error}");
        }
        tokio::time::sleep(PURGE_INTERVAL).await;
    }
}

/// The signals that ask for an end. Listening begins once, at the start: from then on no signal ends the program by itself,
/// so every long step has to be waited for through here.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening to signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// What `work` gives, or none when it was stopped before.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = work => Some(result),
            () = self.received() => None,
        }
    }
}
