//! What costs, added up over all nodes.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::confirmation::Ask;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::admin::{Failure, Format, View};
use crate::cluster;
use crate::monitor::{self, Statements, Table};

#[derive(Template)]
#[template(path = "admin/statements.html")]
struct StatementsPage<'a> {
    frame: ConsoleFrame,
    found: &'a Statements,
    tables: Vec<Table>,
}

/// GET /statements
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let found = monitor::statements(&console.nodes).await?;
    Ok(format.show(&found, |tables| StatementsPage { frame, found: &found, tables })?)
}

/// GET /statements/reset/new
pub async fn reset_new(frame: ConsoleFrame) -> Result<HttpResponse, Failure> {
    let ask = Ask {
        frame,
        title: "Count statements anew".to_owned(),
        lines: vec![
            "What was counted on every node is forgotten, also by others who look at pg_stat_statements. \
             The samples of the last \
             two weeks stay."
                .to_owned(),
        ],
        action: "/statements/reset".to_owned(),
        button: Some("Count anew"),
        danger: true,
        back: "/statements",
        ..Ask::default()
    };
    ask.show()
}

/// POST /statements/reset
pub async fn reset(console: web::Data<Console>, operator: Operator) -> Result<HttpResponse, Failure> {
    let said = operator
        .act(async |session| {
            let nodes = cluster::reset_statements(session).await?;
            Ok(format!("Statements are counted anew on {}.", nodes.join(", ")))
        })
        .await?;
    Ok(console.done("/statements", said))
}

impl View for Statements {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
