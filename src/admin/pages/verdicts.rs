//! What is right and what is wrong, first of all.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::Frame;
use crate::admin::{Face, Failure, View};
use crate::monitor::{self, Cell, NodeState, Report, Severity, Sheet, bytes};
use crate::web::see_other;

#[derive(Template)]
#[template(path = "admin/verdicts.html")]
struct VerdictsPage<'a> {
    frame: Frame,
    report: &'a Report,
    sheets: Vec<Sheet>,
}

impl VerdictsPage<'_> {
    fn count(&self, severity: Severity) -> usize {
        self.report.verdicts.iter().filter(|verdict| verdict.severity == severity).count()
    }

    fn sentence(&self) -> &'static str {
        match self.report.severity {
            Severity::Fine => "All is well.",
            Severity::Warning => "Somebody should look soon.",
            Severity::Down => "Something is down.",
        }
    }
}

/// GET /
pub async fn home() -> HttpResponse {
    see_other("/verdicts")
}

/// GET /verdicts
pub async fn show(console: web::Data<Console>, frame: Frame, face: Face) -> Result<HttpResponse, Failure> {
    let report = monitor::report(&console.nodes).await?;
    Ok(face.show(&report, |sheets| VerdictsPage { frame, report: &report, sheets })?)
}

impl View for Report {
    fn sheets(&self) -> Vec<Sheet> {
        let mut verdicts = Sheet::new("Verdicts", &["", "what", "finding", "do"]);
        for verdict in &self.verdicts {
            let row = verdicts.row([verdict.severity.word(), verdict.subject, verdict.finding.as_str(), verdict.cure.as_str()]);
            row.severity = Some(verdict.severity);
        }
        let heads = ["node", "#group", "#answers", "#shards", "#bytes", "#disk free", "#connections", "whose", "versions"];
        let mut nodes = Sheet::new("Nodes", &heads);
        for node in &self.nodes {
            let row = nodes.row(node_cells(node));
            row.severity = node.answered_ms.is_none().then_some(Severity::Down);
        }
        vec![verdicts, nodes]
    }
}

fn node_cells(node: &NodeState) -> Vec<Cell> {
    let unknown = || "?".to_owned();
    let inside = node.inside.as_ref();
    let drained = if node.takes_shards || node.group == 0 { "" } else { " (drained)" };
    vec![
        format!("{}{drained}", node.address).into(),
        node.group.to_string().into(),
        node.answered_ms.map_or_else(|| "no answer".to_owned(), |ms| format!("{ms} ms")).into(),
        node.shards.to_string().into(),
        node.bytes.map_or_else(unknown, bytes).into(),
        inside.and_then(|inside| inside.disk).map_or_else(unknown, |(free, _)| bytes(free)).into(),
        inside.map_or_else(unknown, |inside| format!("{} of {}", inside.connections.open, inside.connections.limit)).into(),
        inside.map_or_else(unknown, |inside| inside.connections.by_whom()).into(),
        inside.map_or_else(unknown, |inside| format!("{} {}", inside.postgresql, inside.citus)).into(),
    ]
}
