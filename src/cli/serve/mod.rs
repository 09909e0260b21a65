//! `pigeonhole serve`: from the settings to a running application, and its shutdown.

mod application;
mod console;
mod schema;

use tokio_postgres::Config;

use super::file_limit;
use super::logging::LogControl;
use super::stop::StopSignal;
use crate::db;
use crate::embedded::{EmbeddedCluster, EmbeddedOptions, EmbeddedPostgres};
use crate::settings::Settings;
use application::{Listeners, RunningApplication};
use schema::TablePlacement;

/// Arguments of `serve`.
#[derive(clap::Args)]
pub struct ServeArguments {
    /// Make the embedded database a Citus cluster with this many workers (1 to 16). Later starts find it by
    /// themselves.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    workers: Option<u8>,
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// One line that says what prevents the start.
pub async fn run(settings: &Settings, arguments: &ServeArguments, log: &LogControl) -> anyhow::Result<()> {
    let stop = StopSignal::listen()?;
    file_limit::raise();
    // First of all, so that a second start changes nothing.
    let listeners = Listeners::bind(settings)?;
    let serving = Serving { settings, log, listeners, stop };
    if let Some(config) = &settings.database.url {
        anyhow::ensure!(
            arguments.workers.is_none(),
            "--workers is for the embedded database, and DATABASE_URL names another"
        );
        return serving.on_database(config, TablePlacement::Unchanged).await;
    }
    let options = EmbeddedOptions {
        data_dir: settings.database.data_dir.clone(),
        pg_bin_dir: settings.database.pg_bin_dir.clone(),
    };
    let workers = match arguments.workers {
        Some(workers) => Some(usize::from(workers)),
        None => EmbeddedCluster::recorded_workers(&options)?,
    };
    match workers {
        Some(workers) => serving.on_embedded_cluster(&options, workers).await,
        None => serving.on_embedded_postgres(&options).await,
    }
}

/// What a start needs, whichever database it uses.
struct Serving<'a> {
    settings: &'a Settings,
    log: &'a LogControl,
    listeners: Listeners,
    stop: StopSignal,
}

impl Serving<'_> {
    async fn on_embedded_postgres(mut self, options: &EmbeddedOptions) -> anyhow::Result<()> {
        let Some(started) = self.stop.until_stopped(EmbeddedPostgres::start(options)).await else {
            return Ok(());
        };
        let embedded = started?;
        let served = self.on_database(&embedded.config(), TablePlacement::Unchanged).await;
        embedded.stop().await;
        served
    }

    async fn on_embedded_cluster(mut self, options: &EmbeddedOptions, workers: usize) -> anyhow::Result<()> {
        let Some(started) = self.stop.until_stopped(EmbeddedCluster::start(options, workers)).await else {
            return Ok(());
        };
        let cluster = started?;
        let served = self.on_started_cluster(&cluster).await;
        cluster.stop().await;
        served
    }

    async fn on_started_cluster(mut self, cluster: &EmbeddedCluster) -> anyhow::Result<()> {
        let config = cluster.config();
        let Some(connected) =
            self.stop.until_stopped(db::set_node_passwords(&config, cluster.password())).await
        else {
            return Ok(());
        };
        connected?;
        self.on_database(&config, TablePlacement::OverWorkers).await
    }

    async fn on_database(mut self, config: &Config, distribution: TablePlacement) -> anyhow::Result<()> {
        let preparing = schema::prepare(self.settings, config, distribution);
        let Some(prepared) = self.stop.until_stopped(preparing).await else { return Ok(()) };
        let application = RunningApplication::start(self.listeners, self.settings, config, prepared?)?;
        self.stop.received().await;
        log::info!("stopping: requests in flight are finished first");
        application.stop(self.log).await
    }
}
