//! What is right and what is wrong, first of all.

use actix_web::{HttpResponse, web};
use askama::Template;
use futures_util::future::join;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Cell, NodeState, Severity, StatusReport, Table, Verdict, bytes, seconds};
use crate::settings::Settings;
use crate::store::Unfinished;
use crate::web::see_other;

#[derive(Template)]
#[template(path = "admin/verdicts.html")]
struct VerdictsPage<'a> {
    frame: ConsoleFrame,
    report: &'a StatusReport,
    tables: Vec<Table>,
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
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let outbox = console.figures.outbox(&console.application.services.database);
    let (report, unfinished) = join(monitor::report(&console.nodes), outbox).await;
    let mut report = report?;
    report.add(of_messages(unfinished.as_ref()));
    report.add(of_key(&console.settings));
    Ok(format.show(&report, |tables| VerdictsPage { frame, report: &report, tables })?)
}

/// A message that waits for longer is on nobody's way.
const LATE: f64 = 60.0;

fn of_messages(unfinished: Option<&Unfinished>) -> Verdict {
    let verdict = |severity, finding, remedy: &str| Verdict {
        subject: "Messages",
        severity,
        finding,
        remedy: remedy.to_owned(),
    };
    let Some(unfinished) = unfinished else {
        return verdict(
            Severity::Warning,
            "the database did not say what waits".to_owned(),
            "look at the nodes above",
        );
    };
    let (waiting, failed) = (unfinished.pending + unfinished.published, unfinished.failed);
    if failed > 0 {
        return verdict(
            Severity::Warning,
            format!("{failed} failed for good"),
            "see Application for why, then try them again or drop them",
        );
    }
    match unfinished.age_seconds().filter(|age| *age > LATE) {
        Some(age) => verdict(
            Severity::Warning,
            format!("{waiting} wait, the oldest for {}", seconds(age)),
            "a worker must run (`pigeonhole check --worker`), and the broker, where there is one; \
             `pigeonhole messages` says more",
        ),
        None => verdict(Severity::Fine, format!("{waiting} on their way, none failed"), ""),
    }
}

/// A key that was made at the first start is as old as its file.
fn of_key(settings: &Settings) -> Verdict {
    let finding = if settings.server.secret_key.is_some() {
        "set by SECRET_KEY, whose age nobody here knows".to_owned()
    } else {
        let made =
            std::fs::metadata(settings.database.data_dir.join("secret_key")).and_then(|file| file.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        age.map_or_else(
            || "no file of it is there".to_owned(),
            |age| format!("made {} ago and kept in DATA_DIR", seconds(age.as_secs_f64())),
        )
    };
    Verdict { subject: "Key of the cookies", severity: Severity::Fine, finding, remedy: String::new() }
}

impl View for StatusReport {
    fn tables(&self) -> Vec<Table> {
        let mut verdicts = Table::new("Verdicts", &["", "what", "finding", "do"]);
        for verdict in &self.verdicts {
            let row = verdicts.row([
                verdict.severity.word(),
                verdict.subject,
                verdict.finding.as_str(),
                verdict.remedy.as_str(),
            ]);
            row.severity = Some(verdict.severity);
        }
        let heads = [
            "node",
            "#group",
            "#answers",
            "#shards",
            "#bytes",
            "#disk free",
            "#connections",
            "whose",
            "versions",
        ];
        let mut nodes = Table::new("Nodes", &heads);
        for node in &self.nodes {
            let row = nodes.row(node_cells(node));
            row.severity = node.answered_ms.is_none().then_some(Severity::Down);
        }
        vec![verdicts, nodes]
    }
}

fn node_cells(node: &NodeState) -> Vec<Cell> {
    let unknown = || "?".to_owned();
    let inside = node.details.as_ref();
    let drained = if node.takes_shards || node.group == 0 { "" } else { " (drained)" };
    vec![
        format!("{}{drained}", node.address).into(),
        node.group.to_string().into(),
        node.answered_ms.map_or_else(|| "no answer".to_owned(), |ms| format!("{ms} ms")).into(),
        node.shards.to_string().into(),
        node.bytes.map_or_else(unknown, bytes).into(),
        inside.and_then(|inside| inside.disk).map_or_else(unknown, |(free, _)| bytes(free)).into(),
        inside
            .map_or_else(unknown, |inside| {
                format!("{} of {}", inside.connections.open, inside.connections.limit)
            })
            .into(),
        inside.map_or_else(unknown, |inside| inside.connections.by_owner()).into(),
        inside.map_or_else(unknown, |inside| format!("{} {}", inside.postgresql, inside.citus)).into(),
    ]
}
