//! Whether every node reaches every other, when somebody asks.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::Frame;
use crate::admin::{Face, Failure, View};
use crate::monitor::{self, Network, Table};

#[derive(Template)]
#[template(path = "admin/network.html")]
struct NetworkPage<'a> {
    frame: Frame,
    network: &'a Network,
}

/// Whether to measure.
#[derive(serde::Deserialize)]
pub struct Wanted {
    measure: Option<String>,
}

/// GET /network
pub async fn show(
    console: web::Data<Console>,
    frame: Frame,
    face: Face,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Failure> {
    let network = monitor::network(&console.nodes, wanted.measure.is_some()).await?;
    Ok(face.show(&network, |_| NetworkPage { frame, network: &network })?)
}

impl View for Network {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
