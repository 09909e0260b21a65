//! `pigeonhole check`: the health check, without curl.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;

use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks /readyz at the address that `serve` would listen on.
///
/// # Errors
/// When there is no answer within 3 seconds or it is not 200.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut address = settings.bind;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("nothing answers at {address}"))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(4096).read_to_string(&mut answer).with_context(|| format!("{address} does not answer"))?;
    let status = answer.split_whitespace().nth(1).unwrap_or("nothing");
    anyhow::ensure!(status == "200", "{address} answered {status}: not ready");
    println!("ready");
    Ok(())
}
