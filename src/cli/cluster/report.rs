//! `pigeonhole cluster status`, for people and for scripts.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio_postgres::Config;

use super::output;
use crate::monitor::{self, NodeState, Nodes, Severity, StatusReport, Table, Verdict, bytes};

/// Prints the state of the cluster, waiting `patience` for each node; the exit code is the worst verdict.
///
/// # Errors
/// Never for what is wrong with the cluster: that is printed.
pub async fn run(config: &Config, patience: Duration, json: bool) -> anyhow::Result<ExitCode> {
    let (text, severity) = match report_of_cluster(config, patience).await {
        Ok(report) if json => (serde_json::to_string_pretty(&report)?, report.severity),
        Ok(report) => (describe(&report), report.severity),
        Err(error) if json => {
            let verdict = serde_json::json!({ "severity": "down", "finding": error.to_string(),
                "cure": "start the coordinator, or correct DATABASE_URL" });
            (
                serde_json::to_string_pretty(
                    &serde_json::json!({ "severity": "down", "verdicts": [verdict] }),
                )?,
                Severity::Down,
            )
        }
        Err(error) => (format!("DOWN     {error}"), Severity::Down),
    };
    output::answer(&format!("{text}\n"))?;
    // A name that is still being looked up would hold up an ordinary end.
    std::process::exit(severity as i32)
}

async fn report_of_cluster(config: &Config, patience: Duration) -> anyhow::Result<StatusReport> {
    let report = monitor::report(&Nodes::for_operator(config, patience)).await?;
    anyhow::ensure!(
        report.citus,
        "this is a plain PostgreSQL database; `pigeonhole cluster init` makes it a cluster"
    );
    Ok(report)
}

fn describe(report: &StatusReport) -> String {
    let mut text = String::new();
    let fine = Verdict {
        subject: "Everything",
        severity: Severity::Fine,
        finding: "every node answers, and nothing waits for an operator".to_owned(),
        remedy: String::new(),
    };
    let wrong = report.verdicts.iter().filter(|verdict| verdict.severity > Severity::Fine);
    let nothing = (report.severity == Severity::Fine).then_some(&fine);
    for verdict in wrong.chain(nothing) {
        let word = match verdict.severity {
            Severity::Fine => "FINE",
            Severity::Warning => "WARNING",
            Severity::Down => "DOWN",
        };
        let _ = writeln!(text, "{word:<8} {}", verdict.finding);
        if !verdict.remedy.is_empty() {
            let _ = writeln!(text, "         do: {}", verdict.remedy);
        }
    }
    section(
        &mut text,
        "NODES",
        &["node", "group", "answers", "shards", "bytes", "disk free", "connections", "versions"],
        &node_rows(report),
    );
    let connections = report.nodes.iter().filter_map(|node| {
        let found = &node.details.as_ref()?.connections;
        Some(vec![node.address.clone(), found.open.to_string(), found.limit.to_string(), found.by_owner()])
    });
    section(&mut text, "CONNECTIONS", &["node", "open", "limit", "of"], &connections.collect::<Vec<_>>());
    let tables = report.tables.iter().map(|table| {
        vec![
            table.name.clone(),
            table.kind.clone(),
            table.column.clone(),
            table.shards.to_string(),
            table.colocation.to_string(),
        ]
    });
    section(&mut text, "TABLES", &["table", "kind", "by", "shards", "together"], &tables.collect::<Vec<_>>());
    if let Some(job) = &report.job {
        let started =
            job.started_at.map_or_else(|| "not yet".to_owned(), |at| at.format("%F %T").to_string());
        let _ = writeln!(
            text,
            "\nJOB {} {}: {} (began {started}; moves: {})",
            job.id, job.state, job.description, job.moves
        );
        for trouble in &job.troubles {
            let _ = writeln!(text, "    {trouble}");
        }
    }
    let tenants = report.tenants.iter().map(|tenant| {
        vec![
            tenant.tenant.clone(),
            tenant.node.clone(),
            tenant.statements.to_string(),
            format!("{:.2}", tenant.seconds),
        ]
    });
    section(
        &mut text,
        "BUSIEST TENANTS",
        &["tenant", "node", "statements", "seconds"],
        &tenants.collect::<Vec<_>>(),
    );
    let pins = report.pins.iter().map(|pin| {
        vec![
            pin.tenant.to_string(),
            pin.group.to_string(),
            if pin.alone { "alone".to_owned() } else { "with others".to_owned() },
        ]
    });
    section(&mut text, "PINNED TENANTS", &["tenant", "group", ""], &pins.collect::<Vec<_>>());
    let events = report.events.iter().map(|event| {
        let outcome = if event.message.is_empty() {
            event.outcome.clone()
        } else {
            format!("{}: {}", event.outcome, event.message)
        };
        vec![
            event.at.format("%F %T").to_string(),
            event.who.clone(),
            event.command.clone(),
            event.detail.clone(),
            outcome,
        ]
    });
    section(
        &mut text,
        "LAST OPERATIONS",
        &["at", "who", "what", "on", "outcome"],
        &events.collect::<Vec<_>>(),
    );
    text.trim_end().to_owned()
}

fn node_rows(report: &StatusReport) -> Vec<Vec<String>> {
    report.nodes.iter().map(node_row).collect()
}

fn node_row(node: &NodeState) -> Vec<String> {
    let unknown = || "?".to_owned();
    let inside = node.details.as_ref();
    let drained = if node.takes_shards || node.group == 0 { "" } else { " (drained)" };
    vec![
        format!("{}{drained}", node.address),
        if node.group == 0 { "0 coordinator".to_owned() } else { node.group.to_string() },
        node.answered_ms.map_or_else(|| "NO".to_owned(), |ms| format!("{ms} ms")),
        node.shards.to_string(),
        node.bytes.map_or_else(unknown, bytes),
        inside.and_then(|inside| inside.disk).map_or_else(unknown, |(free, _)| bytes(free)),
        inside.map_or_else(unknown, |inside| {
            format!("{} of {}", inside.connections.open, inside.connections.limit)
        }),
        inside.map_or_else(unknown, |inside| format!("{}, Citus {}", inside.postgresql, inside.citus)),
    ]
}

fn section(text: &mut String, title: &str, heads: &[&'static str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new(title, heads);
    for row in rows {
        table.row(row.iter().map(String::as_str));
    }
    let _ = write!(text, "\n{}", table.text());
}
