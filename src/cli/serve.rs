//! `pigeonhole serve`: from settings to a running application, and back down in the reverse order.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use tokio_postgres::Config;

use super::console::Door;
use super::stop::StopSignal;
use super::{cookie_key, output};
use crate::app;
use crate::cluster;
use crate::db::{self, Database};
use crate::embedded::{EmbeddedCluster, EmbeddedOptions, EmbeddedPostgres};
use crate::maintenance;
use crate::messaging::{MessageWorker, Notifier};
use crate::settings::Settings;
use crate::web::listen::take_address;

/// How to serve.
#[derive(clap::Args)]
pub struct Serve {
    /// Make the embedded database a Citus cluster with this many workers (1 to 16). Later starts find it by
    /// themselves.
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
    let listener = take_address(settings.server.bind)?;
    let door = Door::take(settings)?;
    let Some(database) = &settings.database.url else {
        let options = EmbeddedOptions {
            data_dir: settings.database.data_dir.clone(),
            pg_bin_dir: settings.database.pg_bin_dir.clone(),
        };
        let workers = match arguments.workers {
            Some(workers) => Some(usize::from(workers)),
            None => EmbeddedCluster::recorded_workers(&options)?,
        };
        if let Some(workers) = workers {
            let Some(started) = stop.or(EmbeddedCluster::start(&options, workers)).await else {
                return Ok(());
            };
            let cluster = started?;
            let served = serve_on_cluster(settings, listener, door, &cluster, &mut stop).await;
            cluster.stop().await;
            return served;
        }
        let Some(started) = stop.or(EmbeddedPostgres::start(&options)).await else { return Ok(()) };
        let embedded = started?;
        let served = serve(settings, listener, door, &embedded.config(), Spread::AsTheyAre, &mut stop).await;
        embedded.stop().await;
        return served;
    };
    anyhow::ensure!(
        arguments.workers.is_none(),
        "--workers is for the embedded database, and DATABASE_URL names another"
    );
    serve(settings, listener, door, database, Spread::AsTheyAre, &mut stop).await
}

async fn serve_on_cluster(
    settings: &Settings,
    listener: TcpListener,
    door: Door,
    cluster: &EmbeddedCluster,
    stop: &mut StopSignal,
) -> anyhow::Result<()> {
    let config = cluster.config();
    let Some(prepared) = stop.or(db::set_node_passwords(&config, cluster.password())).await else {
        return Ok(());
    };
    prepared?;
    serve(settings, listener, door, &config, Spread::OverWorkers, stop).await
}

/// Whether the tables of a server that was alone before are to be spread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    AsTheyAre,
    OverWorkers,
}

/// Spreads the tables of a server that was alone over the workers, at each start until it is done.
async fn distribute_plain_tables(coordinator: &Config) -> anyhow::Result<()> {
    let coordinator = cluster::NodeConnection::coordinator(coordinator).await?;
    let plan = cluster::plan_distribution(&coordinator).await?;
    if !plan.is_empty() {
        plan.run(&coordinator, &|line: &str| log::info!("{line}")).await?;
    }
    Ok(())
}

async fn serve(
    settings: &Settings,
    listener: TcpListener,
    door: Door,
    config: &Config,
    spread: Spread,
    stop: &mut StopSignal,
) -> anyhow::Result<()> {
    let Some(prepared) = stop.or(prepare_schema(settings, config, spread)).await else { return Ok(()) };
    let database = prepared?;
    let key = match &settings.server.secret_key {
        Some(key) => key.expose().clone(),
        None => cookie_key::kept_in(&settings.database.data_dir)?,
    };
    let worker = settings
        .worker_in_serve()
        .then(|| MessageWorker::start(&database, settings.messaging.broker.as_ref()));
    let messenger = worker.as_ref().map_or_else(|| tell_others(&database), MessageWorker::notifier);
    let listening = app::listen(listener, settings, key, database.clone(), messenger)?;
    let console = door.open(settings, config, &listening)?;
    let handle = listening.server.handle();
    let context = listening.context.clone();
    let running = actix_web::rt::spawn(listening.server);
    let closing = database.clone();
    let maintenance = actix_web::rt::spawn(maintenance::run_hourly(database.clone()));
    let routing =
        settings.cluster.tenant_routing.then(|| actix_web::rt::spawn(async move { database.route().await }));
    announce(settings, listening.address.port());
    if let Some(console) = &console {
        let text = format!("operator's console: {}", console.address);
        output::line(&text);
        log::info!("{text}");
    }
    stop.received().await;
    log::info!("stopping: requests in flight are finished first");
    maintenance.abort();
    if let Some(console) = console {
        console.close().await;
    }
    routing.inspect(tokio::task::JoinHandle::abort);
    let all_answered = context.drain.complete(Duration::from_secs(app::SHUTDOWN_TIMEOUT)).await;
    handle.stop(all_answered).await;
    running.await.context("waiting for the server to stop")??;
    if let Some(worker) = worker {
        worker.stop().await;
    }
    closing.close().await;
    Ok(())
}

/// Development and the embedded database migrate by themselves; in production that is an operator's decision,
/// as it is where we connect as a user who may not.
async fn prepare_schema(settings: &Settings, config: &Config, spread: Spread) -> anyhow::Result<Database> {
    if settings.database.url.is_none() || (!settings.production() && db::may_migrate(config).await?) {
        for migration in db::migrate(config, settings.demo_tenant()).await?.applied {
            log::info!("applied migration {migration}");
        }
    } else {
        let missing = db::pending(config).await?;
        let names = missing.join(", ");
        anyhow::ensure!(
            missing.is_empty(),
            "the schema is older than this program; run `pigeonhole migrate` first (missing: {names})"
        );
    }
    // After the migrations, which make the place where operations are written down.
    if spread == Spread::OverWorkers {
        distribute_plain_tables(config).await?;
    }
    let database = Database::new(config, settings.database.pool_size);
    database.refuse_unsafe_schema().await?;
    Ok(database)
}

/// For as long as the program runs.
fn tell_others(database: &Database) -> Notifier {
    let (messenger, telling) = Notifier::of_other_processes(database.clone());
    actix_web::rt::spawn(telling);
    messenger
}

fn announce(settings: &Settings, port: u16) {
    let address = match settings.server.public_origins.first() {
        Some(origin) => origin.to_owned(),
        None => format!("http://localhost:{port}"),
    };
    output::line(&address);
    // Standard output may have no reader.
    log::info!("serving {address}");
}
