//! `pigeonhole cluster status`, for people and for scripts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use tokio_postgres::Config;

use crate::cluster::{self, NodeState, Report, Severity};

/// Prints the state of the cluster; the exit code is the worst verdict.
///
/// # Errors
/// Never for what is wrong with the cluster: that is printed.
pub async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (text, severity) = match cluster::report(config).await {
        Ok(report) if json => (serde_json::to_string_pretty(&report)?, report.severity),
        Ok(report) => (describe(&report), report.severity),
        Err(error) if json => {
            let verdict = serde_json::json!({ "severity": "down", "finding": error.to_string(), "cure": "start the coordinator, or correct DATABASE_URL" });
            (serde_json::to_string_pretty(&serde_json::json!({ "severity": "down", "verdicts": [verdict] }))?, Severity::Down)
        }
        Err(error) => (format!("DOWN     {error}"), Severity::Down),
    };
    super::say(&text);
    let _ = std::io::stdout().flush();
    // A name that is still being looked up would hold up an ordinary end.
    std::process::exit(severity as i32)
}

/// A number of bytes for people.
pub fn bytes(count: i64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "kB")];
    for (shift, unit) in units {
        if count >= 1 << shift {
            let tenths = (i128::from(count) * 10) >> shift;
            return if tenths >= 1000 { format!("{} {unit}", tenths / 10) } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) };
        }
    }
    format!("{count} B")
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    for verdict in &report.verdicts {
        let word = match verdict.severity {
            Severity::Fine => "FINE",
            Severity::Warning => "WARNING",
            Severity::Down => "DOWN",
        };
        let _ = writeln!(text, "{word:<8} {}", verdict.finding);
        if !verdict.cure.is_empty() {
            let _ = writeln!(text, "         do: {}", verdict.cure);
        }
    }
    section(
        &mut text,
        "NODES",
        &["node", "group", "answers", "shards", "bytes", "disk free", "connections", "versions"],
        &node_rows(report),
    );
    let connections = report.nodes.iter().filter_map(|node| {
        let found = &node.inside.as_ref()?.connections;
        Some(vec![node.address.clone(), found.open.to_string(), found.limit.to_string(), found.by_whom()])
    });
    section(&mut text, "CONNECTIONS", &["node", "open", "limit", "of"], &connections.collect::<Vec<_>>());
    let tables = report.tables.iter().map(|table| {
        vec![table.name.clone(), table.kind.clone(), table.column.clone(), table.shards.to_string(), table.colocation.to_string()]
    });
    section(&mut text, "TABLES", &["table", "kind", "by", "shards", "together"], &tables.collect::<Vec<_>>());
    if let Some(job) = &report.job {
        let started = job.started_at.map_or_else(|| "not yet".to_owned(), |at| at.format("%F %T").to_string());
        let _ = writeln!(text, "\nJOB {} {}: {} (began {started}; moves: {})", job.id, job.state, job.description, job.moves);
        for trouble in &job.troubles {
            let _ = writeln!(text, "    {trouble}");
        }
    }
    let tenants = report
        .tenants
        .iter()
        .map(|tenant| vec![tenant.tenant.clone(), tenant.node.clone(), tenant.queries.to_string(), format!("{:.2}", tenant.cpu_seconds)]);
    section(&mut text, "BUSIEST TENANTS", &["tenant", "node", "queries", "CPU s"], &tenants.collect::<Vec<_>>());
    let pins = report.pins.iter().map(|pin| {
        vec![pin.tenant.to_string(), pin.group.to_string(), if pin.alone { "alone".to_owned() } else { "with others".to_owned() }]
    });
    section(&mut text, "PINNED TENANTS", &["tenant", "group", ""], &pins.collect::<Vec<_>>());
    let events = report.events.iter().map(|event| {
        let outcome = if event.message.is_empty() { event.outcome.clone() } else { format!("{}: {}", event.outcome, event.message) };
        vec![event.at.format("%F %T").to_string(), event.who.clone(), event.command.clone(), event.detail.clone(), outcome]
    });
    section(&mut text, "LAST OPERATIONS", &["at", "who", "what", "on", "outcome"], &events.collect::<Vec<_>>());
    text.trim_end().to_owned()
}

fn node_rows(report: &Report) -> Vec<Vec<String>> {
    report.nodes.iter().map(node_row).collect()
}

fn node_row(node: &NodeState) -> Vec<String> {
    let unknown = || "?".to_owned();
    let inside = node.inside.as_ref();
    let drained = if node.takes_shards || node.group == 0 { "" } else { " (drained)" };
    vec![
        format!("{}{drained}", node.address),
        if node.group == 0 { "0 coordinator".to_owned() } else { node.group.to_string() },
        node.answered_ms.map_or_else(|| "NO".to_owned(), |ms| format!("{ms} ms")),
        node.shards.to_string(),
        node.bytes.map_or_else(unknown, bytes),
        inside.map_or_else(unknown, |inside| bytes(inside.disk.0)),
        inside.map_or_else(unknown, |inside| format!("{} of {}", inside.connections.open, inside.connections.limit)),
        inside.map_or_else(unknown, |inside| format!("{}, Citus {}", inside.postgresql, inside.citus)),
    ]
}

fn section(text: &mut String, title: &str, heads: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(head.len()))
        .collect();
    let _ = writeln!(text, "\n{title}");
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&heads).chain(rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_short() {
        for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (200 << 20, "200 MB"), (i64::MAX, "8388607 TB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
