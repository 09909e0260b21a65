//! `pigeonhole console`: prints a page of the operator's console of a running `serve`.

use std::time::Duration;

use anyhow::Context;

use super::http_client::{HttpConnection, HttpResponse, loopback_if_unspecified};
use super::output;
use crate::admin::navigation::PAGES;
use crate::settings::Settings;

/// The longest that the console takes for a page, without the time that it waits for the nodes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `console`.
#[derive(clap::Args)]
pub struct ConsoleArguments {
    /// The page, such as verdicts or shards.
    #[arg(value_parser = page_names())]
    page: String,
    /// Print JSON.
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

/// Requests a page from the console at ADMIN_BIND and prints it.
///
/// # Errors
/// When nothing answers there, or the answer is an error.
pub fn run(settings: &Settings, arguments: &ConsoleArguments) -> anyhow::Result<()> {
    let address = settings.console.address().context("ADMIN_BIND is off, so there is no console to ask")?;
    let address = loopback_if_unspecified(address);
    // The console waits for the list of the nodes, and then for the nodes.
    let timeout = TIMEOUT + settings.cluster.node_timeout * 2;
    let HttpResponse { status, body } = HttpConnection::open(address, timeout)
        .with_context(|| format!("no console answers at {address}; is `pigeonhole serve` running?"))?
        .get(&arguments.target(), settings.console.admin_token.as_ref())?;
    anyhow::ensure!(status == 200, "the console at {address} answered {status}: {body}");
    output::answer(&format!("{body}\n"))
}

impl ConsoleArguments {
    /// The path and query of the page.
    fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(since) = &self.since {
            query.append_pair("since", since);
        }
        if self.measure {
            query.append_pair("measure", "1");
        }
        let extension = if self.json { "json" } else { "txt" };
        format!("/{}.{extension}?{}", self.page, query.finish())
    }
}
