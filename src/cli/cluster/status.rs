//! `pigeonhole cluster status`, as text or as JSON.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio_postgres::Config;

use super::output;
use super::status_text;
use crate::monitor::{self, Nodes, Severity, StatusReport};

/// Prints the state of the cluster. Each node may take `timeout` to answer. The exit code is the worst
/// severity.
///
/// # Errors
/// When the report cannot be written. Faults of the cluster are no errors: they are part of the report.
pub(super) async fn run(config: &Config, timeout: Duration, json: bool) -> anyhow::Result<ExitCode> {
    let (text, severity) = match report_of_cluster(config, timeout).await {
        Ok(report) if json => (serde_json::to_string_pretty(&report)?, report.severity),
        Ok(report) => (status_text::describe(&report), report.severity),
        Err(error) if json => (serde_json::to_string_pretty(&unreachable(&error))?, Severity::Down),
        Err(error) => (format!("DOWN     {error}"), Severity::Down),
    };
    output::answer(&format!("{text}\n"))?;
    // A lookup of a host name may still run in a thread, which would delay a return from main.
    std::process::exit(severity as i32)
}

fn unreachable(error: &anyhow::Error) -> serde_json::Value {
    json!({
        "severity": "down",
        "verdicts": [{
            "severity": "down",
            "finding": error.to_string(),
            "cure": "start the coordinator, or correct DATABASE_URL",
        }],
    })
}

async fn report_of_cluster(config: &Config, timeout: Duration) -> anyhow::Result<StatusReport> {
    let report = monitor::report(&Nodes::for_operator(config, timeout)).await?;
    anyhow::ensure!(
        report.citus,
        "this is a plain PostgreSQL database; `pigeonhole cluster init` makes it a cluster"
    );
    Ok(report)
}
