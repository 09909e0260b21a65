//! `pigeonhole worker`: the relay of the outbox and what handles its messages, without a web server.

use anyhow::Context;

use super::output;
use super::serve::purge_for_ever;
use super::stop::StopSignal;
use crate::db::{self, Database};
use crate::messaging;
use crate::settings::Settings;

/// Works until SIGTERM or Ctrl-C.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut stop = StopSignal::listen()?;
    let config = settings
        .database
        .as_ref()
        .context("worker needs DATABASE_URL; with the embedded database, serve does its work")?;
    let Some(missing) = stop.or(db::pending(config)).await else { return Ok(()) };
    let missing = missing?.join(", ");
    anyhow::ensure!(
        missing.is_empty(),
        "the schema is older than this program; run `pigeonhole migrate` first (missing: {missing})"
    );
    let database = Database::new(config, settings.pool_size);
    database.refuse_unsafe_schema().await?;
    let routed = database.clone();
    let routing = settings.tenant_routing.then(|| actix_web::rt::spawn(async move { routed.route().await }));
    let purge = actix_web::rt::spawn(purge_for_ever(database.clone()));
    let worker = messaging::Worker::start_with(&database, settings.broker.as_ref(), pulse(settings));
    output::line("working");
    log::info!("working");
    stop.received().await;
    log::info!("stopping: messages under way are finished first");
    worker.stop().await;
    purge.abort();
    routing.inspect(tokio::task::JoinHandle::abort);
    Ok(())
}

/// Without one everything is delivered as well, and only `check --worker` finds nobody.
fn pulse(settings: &Settings) -> messaging::Pulse {
    messaging::Pulse::in_folder(&settings.data_dir).unwrap_or_else(|error| {
        log::warn!(
            "no sign of life for `pigeonhole check --worker` in {}: {error}",
            settings.data_dir.display()
        );
        messaging::Pulse::default()
    })
}
