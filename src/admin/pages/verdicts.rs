//! The first page: whether the cluster and the application are healthy, and a remedy for each problem.

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
            Severity::Warning => "An operator should look at this soon.",
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
    report.add(check_messages(unfinished.as_ref()));
    report.add(check_cookie_key(&console.settings));
    Ok(format.show(&report, |tables| VerdictsPage { frame, report: &report, tables })?)
}

/// Seconds after which a waiting message is a problem; a worker delivers within one.
const LATE: f64 = 60.0;

fn check_messages(unfinished: Option<&Unfinished>) -> Verdict {
    let verdict = |severity, finding, remedy: &str| Verdict {
        subject: "Messages",
        severity,
        finding,
        remedy: remedy.to_owned(),
    };
    let Some(unfinished) = unfinished else {
        return verdict(
            Severity::Warning,
            "the database did not answer".to_owned(),
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

/// A key that this program made has the age of its file.
fn check_cookie_key(settings: &Settings) -> Verdict {
    let finding = if settings.server.secret_key.is_some() {
        "set by SECRET_KEY; its age is unknown".to_owned()
    } else {
        let made =
            std::fs::metadata(settings.database.data_dir.join("secret_key")).and_then(|file| file.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        age.map_or_else(
            || "its file is missing".to_owned(),
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
    let details = node.details.as_ref();
    let drained = if node.takes_shards || node.group == 0 { "" } else { " (drained)" };
    vec![
        format!("{}{drained}", node.address).into(),
        node.group.to_string().into(),
        node.answered_ms.map_or_else(|| "no answer".to_owned(), |ms| format!("{ms} ms")).into(),
        node.shards.to_string().into(),
        node.bytes.map_or_else(unknown, bytes).into(),
        details.and_then(|details| details.disk).map_or_else(unknown, |(free, _)| bytes(free)).into(),
        details
            .map_or_else(unknown, |details| {
                format!("{} of {}", details.connections.open, details.connections.limit)
            })
            .into(),
        details.map_or_else(unknown, |details| details.connections.by_owner()).into(),
        details.map_or_else(unknown, |details| format!("{} {}", details.postgresql, details.citus)).into(),
    ]
}
