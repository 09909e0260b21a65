//! The operator's console: opened beside the application by `serve`, and asked by `pigeonhole console`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context;
use tokio_postgres::Config;

use super::{admin_address, output};
use crate::admin::navigation::PAGES;
use crate::admin::{self, Console};
use crate::app::Listening;
use crate::settings::Settings;

/// The console's address, taken before anything is started.
pub(super) struct Door(Option<TcpListener>);

/// A console that is open.
pub(super) struct Open {
    /// Where operators find it.
    pub(super) address: String,
    handle: actix_web::dev::ServerHandle,
    sampling: actix_web::rt::task::JoinHandle<()>,
    watching: actix_web::rt::task::JoinHandle<()>,
}

impl Door {
    /// Takes the address. One that nobody chose and somebody has is gone without: it must not keep a second
    /// program on the same machine from serving.
    pub(super) fn take(settings: &Settings) -> anyhow::Result<Self> {
        admin_address::take(settings, settings.console.address(), "operator's console").map(Self)
    }

    /// Opens the console of the application that listens.
    pub(super) fn open(
        self,
        settings: &Settings,
        config: &Config,
        application: &Listening,
    ) -> anyhow::Result<Option<Open>> {
        let Some(listener) = self.0 else { return Ok(None) };
        let port = listener.local_addr()?.port();
        let address = match settings.console.admin_origins.first() {
            Some(origin) => origin.to_owned(),
            None => format!("http://localhost:{port}"),
        };
        let console = actix_web::web::Data::new(Console::new(settings, config, application.context.clone()));
        let sampling = actix_web::rt::spawn(crate::monitor::sample_forever(
            console.nodes.clone(),
            application.context.services.database.clone(),
        ));
        let watching = actix_web::rt::spawn(crate::monitor::watch_jobs_forever(
            console.nodes.clone(),
            console.move_history.clone(),
        ));
        let server = admin::listen(listener, settings.console.origins(port), console)?;
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Some(Open { address, handle, sampling, watching }))
    }
}

impl Open {
    /// Closes it; what it was doing for somebody ends within two seconds.
    pub(super) async fn close(self) {
        self.sampling.abort();
        self.watching.abort();
        self.handle.stop(true).await;
    }
}

/// How long the console may take, beside the time that it waits for the nodes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which page to ask for.
#[derive(clap::Args)]
pub struct Ask {
    /// The page, such as verdicts or shards.
    #[arg(value_parser = page_names())]
    page: String,
    /// For scripts.
    #[arg(long)]
    json: bool,
    /// The time to cover, where the page covers some.
    #[arg(long, value_name = "SPAN", value_parser = ["1h", "6h", "1d", "7d", "14d"])]
    since: Option<String>,
    /// For the page network: measure now.
    #[arg(long)]
    measure: bool,
}

fn page_names() -> Vec<&'static str> {
    PAGES.iter().map(|page| page.path.trim_start_matches('/')).collect()
}

/// Asks the console at ADMIN_BIND for a page and prints it.
///
/// # Errors
/// When nothing answers there or it answers with an error.
pub fn ask(settings: &Settings, asked: &Ask) -> anyhow::Result<()> {
    let console = &settings.console;
    let mut address = console.address().context("ADMIN_BIND is off, so there is no console to ask")?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let patience = TIMEOUT + settings.cluster.node_timeout * 2;
    let mut connection = TcpStream::connect_timeout(&address, patience)
        .with_context(|| format!("no console answers at {address}; is `pigeonhole serve` running?"))?;
    connection.set_read_timeout(Some(patience))?;
    let ending = if asked.json { "json" } else { "txt" };
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(since) = &asked.since {
        query.append_pair("since", since);
    }
    if asked.measure {
        query.append_pair("measure", "1");
    }
    let token = console
        .admin_token
        .as_ref()
        .map_or_else(String::new, |token| format!("Authorization: Bearer {}\r\n", token.expose()));
    write!(
        connection,
        "GET /{}.{ending}?{} HTTP/1.0\r\nHost: localhost\r\n{token}Connection: close\r\n\r\n",
        asked.page,
        query.finish()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).with_context(|| format!("{address} does not answer"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("{address} answered something else than HTTP"))?;
    let status = head.split_whitespace().nth(1).unwrap_or("nothing");
    anyhow::ensure!(status == "200", "the console at {address} answered {status}: {}", body.trim());
    output::answer(&format!("{}\n", body.trim_end()))
}
