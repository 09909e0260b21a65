//! Whether every node reaches every other node, measured when the operator asks for it.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Network, Table};

#[derive(Template)]
#[template(path = "admin/network.html")]
struct NetworkPage<'a> {
    frame: ConsoleFrame,
    network: &'a Network,
}

/// Whether to measure now.
#[derive(serde::Deserialize)]
pub struct NetworkQuery {
    measure: Option<String>,
}

/// GET /network
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
    query: web::Query<NetworkQuery>,
) -> Result<HttpResponse, Failure> {
    let network = monitor::network(&console.nodes, query.measure.is_some()).await?;
    Ok(format.show(&network, |_| NetworkPage { frame, network: &network })?)
}

impl View for Network {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
