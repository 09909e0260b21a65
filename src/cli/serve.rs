//! `pigeonhole serve`: from settings to a running application, and back down in the reverse order.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::secret;
use crate::app;
use crate::db::{self, Database};
use crate::embedded::{EmbeddedOptions, EmbeddedPostgres};
use crate::settings::Settings;
use crate::store;

/// How often expired rows are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    // First of all, so that a second start touches nothing.
    let listener = app::take_address(settings.bind)?;
    let embedded = match &settings.database {
        Some(_) => None,
        None => Some(start_embedded(settings).await?),
    };
    let config = match (&settings.database, &embedded) {
        (Some(config), _) => config.clone(),
        (None, Some(embedded)) => embedded.config(),
        (None, None) => anyhow::bail!("there is no database"),
    };
    let served = serve(settings, listener, &config, embedded.is_some()).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    served
}

async fn start_embedded(settings: &Settings) -> anyhow::Result<EmbeddedPostgres> {
    let options = EmbeddedOptions { data_dir: settings.data_dir.clone(), pg_bin_dir: settings.pg_bin_dir.clone() };
    tokio::select! {
        started = EmbeddedPostgres::start(&options) => Ok(started?),
        () = stop_signal() => anyhow::bail!("stopped while starting"),
    }
}

async fn serve(
    settings: &Settings,
    listener: std::net::TcpListener,
    config: &tokio_postgres::Config,
    embedded: bool,
) -> anyhow::Result<()> {
    prepare_schema(settings, config, embedded).await?;
    let key = match &settings.secret_key {
        Some(key) => key.clone(),
        None => secret::kept_in(&settings.data_dir)?,
    };
    let database = Database::new(config, settings.pool_size);
    database.refuse_unsafe_schema().await?;
    let listening = app::listen(listener, settings, key, database.clone())?;
    let handle = listening.server.handle();
    let running = actix_web::rt::spawn(listening.server);
    let purge = actix_web::rt::spawn(purge_for_ever(database));
    announce(settings, listening.address.port());
    stop_signal().await;
    log::info!("stopping: requests in flight are finished first");
    purge.abort();
    handle.stop(true).await;
    running.await.context("waiting for the server to stop")??;
    Ok(())
}

/// Development and the embedded database migrate by themselves; in production that is an operator's decision.
async fn prepare_schema(settings: &Settings, config: &tokio_postgres::Config, embedded: bool) -> anyhow::Result<()> {
    if embedded || !settings.production() {
        for migration in db::migrate(config, settings.demo_tenant).await?.applied {
            log::info!("applied migration {migration}");
        }
        return Ok(());
    }
    let missing = db::pending(config).await?;
    anyhow::ensure!(
        missing.is_empty(),
        "the schema is older than this program; run `pigeonhole migrate` first (missing: {})",
        missing.join(", ")
    );
    Ok(())
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
        tokio::time::sleep(PURGE_INTERVAL).await;
    }
}

async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        log::error!("signals cannot be listened to; stop this process with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
