//! Connections of each node as bars against its limit.

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

/// A piece of a bar, in hundredths of its length.
struct Piece {
    x: f64,
    width: f64,
    name: &'static str,
    count: i64,
    place: usize,
}

impl ConnectionsPage<'_> {
    #[allow(clippy::cast_precision_loss, reason = "lengths of a picture")]
    fn pieces(&self, node: &NodeBudget) -> Vec<Piece> {
        let all = node.connections.limit.max(node.connections.open).max(1) as f64;
        let mut x = 0.0;
        let mut pieces = Vec::new();
        for (place, (name, count)) in node.parts().into_iter().take(3).enumerate() {
            let width = count as f64 / all * 100.0;
            pieces.push(Piece { x, width, name, count, place: place + 1 });
            x += width;
        }
        pieces
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
