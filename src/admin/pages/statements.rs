//! What costs, added up over all nodes.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::Frame;
use crate::admin::{Face, Failure, View};
use crate::monitor::{self, Sheet, Statements};

#[derive(Template)]
#[template(path = "admin/statements.html")]
struct StatementsPage<'a> {
    frame: Frame,
    found: &'a Statements,
    sheets: Vec<Sheet>,
}

/// GET /statements
pub async fn show(console: web::Data<Console>, frame: Frame, face: Face) -> Result<HttpResponse, Failure> {
    let found = monitor::statements(&console.nodes).await?;
    Ok(face.show(&found, |sheets| StatementsPage { frame, found: &found, sheets })?)
}

impl View for Statements {
    fn sheets(&self) -> Vec<Sheet> {
        Self::sheets(self)
    }
}
