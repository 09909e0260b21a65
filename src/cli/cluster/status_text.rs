//! The text of `pigeonhole cluster status`: verdicts, then a table for each subject.

use std::fmt::Write as _;

use crate::cluster::EventLine;
use crate::monitor::{NodeState, Severity, StatusReport, Table, Verdict, bytes};

/// The report as text.
pub(super) fn describe(report: &StatusReport) -> String {
    let mut text = verdicts(report);
    add_nodes(&mut text, report);
    add_tables(&mut text, report);
    add_job(&mut text, report);
    add_tenants(&mut text, report);
    add_events(&mut text, report);
    text.trim_end().to_owned()
}

fn verdicts(report: &StatusReport) -> String {
    let mut text = String::new();
    if report.severity == Severity::Fine {
        text.push_str("FINE     every node answers, and nothing waits for an operator\n");
    }
    let wrong = report.verdicts.iter().filter(|verdict| verdict.severity > Severity::Fine);
    for Verdict { severity, finding, remedy, .. } in wrong {
        let _ = writeln!(text, "{:<8} {finding}", severity.word().to_uppercase());
        if !remedy.is_empty() {
            let _ = writeln!(text, "         do: {remedy}");
        }
    }
    text
}

fn add_nodes(text: &mut String, report: &StatusReport) {
    let heads = ["node", "group", "answers", "shards", "bytes", "disk free", "connections", "versions"];
    add_table(text, "NODES", &heads, report.nodes.iter().map(node_row));
    let connections = report.nodes.iter().filter_map(|node| {
        let found = &node.details.as_ref()?.connections;
        Some(vec![node.address.clone(), found.open.to_string(), found.limit.to_string(), found.by_owner()])
    });
    add_table(text, "CONNECTIONS", &["node", "open", "limit", "of"], connections);
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

fn add_tables(text: &mut String, report: &StatusReport) {
    let tables = report.tables.iter().map(|table| {
        vec![
            table.name.clone(),
            table.kind.clone(),
            table.column.clone(),
            table.shards.to_string(),
            table.colocation.to_string(),
        ]
    });
    add_table(text, "TABLES", &["table", "kind", "by", "shards", "together"], tables);
}

fn add_job(text: &mut String, report: &StatusReport) {
    let Some(job) = &report.job else { return };
    let started = job.started_at.map_or_else(|| "not yet".to_owned(), |at| at.format("%F %T").to_string());
    let _ = writeln!(
        text,
        "\nJOB {} {}: {} (began {started}; moves: {})",
        job.id, job.state, job.description, job.moves
    );
    for trouble in &job.troubles {
        let _ = writeln!(text, "    {trouble}");
    }
}

fn add_tenants(text: &mut String, report: &StatusReport) {
    let busiest = report.tenants.iter().map(|tenant| {
        vec![
            tenant.tenant.clone(),
            tenant.node.clone(),
            tenant.statements.to_string(),
            format!("{:.2}", tenant.seconds),
        ]
    });
    add_table(text, "BUSIEST TENANTS", &["tenant", "node", "statements", "seconds"], busiest);
    let pinned = report.pins.iter().map(|pin| {
        let sharing = if pin.alone { "alone" } else { "with others" };
        vec![pin.tenant.to_string(), pin.group.to_string(), sharing.to_owned()]
    });
    add_table(text, "PINNED TENANTS", &["tenant", "group", ""], pinned);
}

fn add_events(text: &mut String, report: &StatusReport) {
    let heads = ["at", "who", "what", "on", "outcome"];
    add_table(text, "LAST OPERATIONS", &heads, report.events.iter().map(event_row));
}

fn event_row(event: &EventLine) -> Vec<String> {
    let outcome = if event.message.is_empty() {
        event.outcome.clone()
    } else {
        format!("{}: {}", event.outcome, event.message)
    };
    let at = event.at.format("%F %T").to_string();
    vec![at, event.who.clone(), event.command.clone(), event.detail.clone(), outcome]
}

/// Adds nothing if there are no rows.
fn add_table(
    text: &mut String,
    title: &str,
    heads: &[&'static str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let mut table = Table::new(title, heads);
    for row in rows {
        table.row(row.iter().map(String::as_str));
    }
    let _ = write!(text, "\n{}", table.text());
}
