//! The connections of each node as a bar within its limit.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Budget, NodeBudget, Table};

#[derive(Template)]
#[template(path = "admin/connections.html")]
struct ConnectionsPage<'a> {
    frame: ConsoleFrame,
    budget: &'a Budget,
    tables: Vec<Table>,
}

/// A segment of a bar, in percent of its length.
struct Segment {
    x: f64,
    width: f64,
    name: &'static str,
    count: i64,
    number: usize,
}

impl ConnectionsPage<'_> {
    #[allow(clippy::cast_precision_loss, reason = "lengths of a picture")]
    fn segments(&self, node: &NodeBudget) -> Vec<Segment> {
        let all = node.connections.limit.max(node.connections.open).max(1) as f64;
        let mut x = 0.0;
        let mut segments = Vec::new();
        for (index, (name, count)) in node.parts().into_iter().take(3).enumerate() {
            let width = count as f64 / all * 100.0;
            segments.push(Segment { x, width, name, count, number: index + 1 });
            x += width;
        }
        segments
    }
}

/// GET /connections
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let budget = monitor::budget(&console.nodes).await?;
    Ok(format.show(&budget, |tables| ConnectionsPage { frame, budget: &budget, tables })?)
}

impl View for Budget {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
