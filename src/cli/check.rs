//! `pigeonhole check`: the health check, without curl.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use super::http_client::{HttpConnection, HttpResponse, loopback_if_unspecified};
use super::output;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Arguments of `check`.
#[derive(clap::Args)]
pub struct CheckArguments {
    /// Ask, in place of the application, whether the worker at ADMIN_BIND looks for messages and reaches the
    /// database and the broker.
    #[arg(long)]
    worker: bool,
}

/// Prints that the process is ready.
///
/// # Errors
/// Why it is not, or that nothing answered within 3 seconds.
pub fn run(settings: &Settings, arguments: &CheckArguments) -> anyhow::Result<()> {
    if arguments.worker { check_worker(settings) } else { check_application(settings) }
}

fn check_application(settings: &Settings) -> anyhow::Result<()> {
    let address = loopback_if_unspecified(settings.server.bind);
    let status = get_ready(address)?.status;
    anyhow::ensure!(status == 200, "{address} answered {status}: not ready");
    output::answer("ready\n")
}

fn check_worker(settings: &Settings) -> anyhow::Result<()> {
    let address =
        settings.console.worker_address().context("ADMIN_BIND is off, so a worker cannot be asked")?;
    let address = loopback_if_unspecified(address);
    let HttpResponse { status, body } = get_ready(address).context("no worker is ready")?;
    match status {
        200 => output::answer("ready\n"),
        503 => anyhow::bail!("the worker at {address} is not ready: {body}"),
        _ => anyhow::bail!("{address} answered {status}, so it is no worker"),
    }
}

fn get_ready(address: SocketAddr) -> anyhow::Result<HttpResponse> {
    HttpConnection::open(address, TIMEOUT)
        .with_context(|| format!("nothing answers at {address}"))?
        .get("/readyz", None)
}
