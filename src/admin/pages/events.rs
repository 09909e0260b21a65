//! The record of operations on the cluster.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Events, Table};

#[derive(Template)]
#[template(path = "admin/events.html")]
struct EventsPage<'a> {
    frame: ConsoleFrame,
    events: &'a Events,
    tables: Vec<Table>,
}

/// GET /events
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let events = monitor::events(&console.nodes, frame.span.length()).await?;
    Ok(format.show(&events, |tables| EventsPage { frame, events: &events, tables })?)
}

impl View for Events {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
