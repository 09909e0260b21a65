//! The most expensive statements, added up over all nodes.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::confirmation::Confirmation;
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
    statements: &'a Statements,
    tables: Vec<Table>,
}

/// GET /statements
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let statements = monitor::statements(&console.nodes).await?;
    Ok(format.show(&statements, |tables| StatementsPage { frame, statements: &statements, tables })?)
}

/// GET /statements/reset/new
pub async fn new_reset(frame: ConsoleFrame) -> Result<HttpResponse, Failure> {
    let confirmation = Confirmation {
        frame,
        title: "Reset statement counters".to_owned(),
        lines: vec![
            "The counters of every node are reset, for other readers of pg_stat_statements too. The \
             samples of the last two weeks stay."
                .to_owned(),
        ],
        action: "/statements/reset".to_owned(),
        button: Some("Reset"),
        danger: true,
        back: "/statements",
        ..Confirmation::default()
    };
    confirmation.show()
}

/// POST /statements/reset
pub async fn create_reset(console: web::Data<Console>, operator: Operator) -> Result<HttpResponse, Failure> {
    let report = operator
        .act(async |session| {
            let nodes = cluster::reset_statements(session).await?;
            Ok(format!("The counters were reset on {}.", nodes.join(", ")))
        })
        .await?;
    Ok(console.done("/statements", report))
}

impl View for Statements {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
