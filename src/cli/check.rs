//! `pigeonhole check`: the health check, without curl.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;

use super::output;
use crate::messaging;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);
/// An idle worker looks for messages every 15 seconds, and gives a database up after 2.5.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// What to ask.
#[derive(clap::Args)]
pub struct Check {
    /// Ask, in place of the application, whether the workers with this DATA_DIR are at work and reach the
    /// database and the broker.
    #[arg(long)]
    worker: bool,
}

/// Says that all is well.
///
/// # Errors
/// What is not.
pub fn run(settings: &Settings, arguments: &Check) -> anyhow::Result<()> {
    if arguments.worker { ask_workers(settings) } else { ask_application(settings) }
}

/// Asks /readyz at the address that `serve` would listen on; there must be an answer within 3 seconds, and it
/// must be 200.
fn ask_application(settings: &Settings) -> anyhow::Result<()> {
    let mut address = settings.bind;
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
    let status = answer.split_whitespace().nth(1).unwrap_or("nothing");
    anyhow::ensure!(status == "200", "{address} answered {status}: not ready");
    output::answer("ready\n")
}

/// Looks at their signs of life; every worker that lives must be well.
fn ask_workers(settings: &Settings) -> anyhow::Result<()> {
    let folder = settings.data_dir.display();
    let workers = messaging::beats(&settings.data_dir)
        .with_context(|| format!("no worker has left a sign of life in {folder}"))?;
    anyhow::ensure!(!workers.is_empty(), "no worker with the data folder {folder} is running");
    for worker in &workers {
        let (process, seconds) = (&worker.process, worker.age.as_secs());
        anyhow::ensure!(
            worker.age < LONGEST_SILENCE,
            "worker {process} has not looked for messages for {seconds} s: it is frozen or stuck"
        );
        if let Some(trouble) = worker.trouble() {
            anyhow::bail!("worker {process}: {trouble}");
        }
    }
    output::answer(&format!("{} at work\n", workers.len()))
}
