//! `pigeonhole check`: the health check, without curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use super::output;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);

/// What to ask.
#[derive(clap::Args)]
pub struct Check {
    /// Ask, in place of the application, whether the worker at ADMIN_BIND looks for messages and reaches the
    /// database and the broker.
    #[arg(long)]
    worker: bool,
}

/// Says that the process is ready.
///
/// # Errors
/// Why it is not, or that nothing answered within 3 seconds.
pub fn run(settings: &Settings, arguments: &Check) -> anyhow::Result<()> {
    if arguments.worker { check_worker(settings) } else { check_application(settings) }
}

fn check_application(settings: &Settings) -> anyhow::Result<()> {
    let (status, _) = ask_ready(settings.server.bind)?;
    anyhow::ensure!(status == "200", "{} answered {status}: not ready", settings.server.bind);
    output::answer("ready\n")
}

fn check_worker(settings: &Settings) -> anyhow::Result<()> {
    let address =
        settings.console.worker_address().context("ADMIN_BIND is off, so a worker cannot be asked")?;
    let (status, reason) = ask_ready(address).context("no worker is ready")?;
    match status.as_str() {
        "200" => output::answer("ready\n"),
        "503" => anyhow::bail!("the worker at {address} is not ready: {reason}"),
        _ => anyhow::bail!("{address} answered {status}, so it is no worker"),
    }
}

/// The status and the body of /readyz at an address that a program of this machine listens on.
fn ask_ready(mut address: SocketAddr) -> anyhow::Result<(String, String)> {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("nothing answers at {address}"))?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    write!(connection, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection
        .take(4096)
        .read_to_string(&mut answer)
        .with_context(|| format!("{address} does not answer"))?;
    let status = answer.split_whitespace().nth(1).unwrap_or("nothing").to_owned();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim()).to_owned();
    Ok((status, body))
}
