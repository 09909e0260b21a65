//! The latest operations on the cluster.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::report::Severity;
use super::table::{Cell, Table};
use crate::cluster::error::ClusterError;
use crate::cluster::{EventLine, events as record};

/// The most events of the period that are shown.
const MOST: i64 = 500;
/// How many events from before the period are shown, so that the page of a quiet hour is not empty.
const BEFORE: i64 = 10;

/// The events of a period.
#[derive(Serialize)]
pub struct Events {
    pub at: DateTime<Utc>,
    /// The length of the period in seconds; it ends now.
    pub span: u64,
    /// Newest first.
    pub events: Vec<EventLine>,
    /// Whether the period has more events than are shown.
    pub cut: bool,
    /// The latest events from before the period.
    pub before: Vec<EventLine>,
    /// The coordinator, if it did not answer.
    pub missing: Vec<MissingNode>,
}

/// Reads the events of the last `span`.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn events(nodes: &Nodes, span: Duration) -> Result<Events, ClusterError> {
    let cluster = nodes.list().await?;
    let mut shown = Events {
        at: Utc::now(),
        span: span.as_secs(),
        events: Vec::new(),
        cut: false,
        before: Vec::new(),
        missing: Vec::new(),
    };
    let read = match &cluster.stale {
        Some(reason) => Err(ClusterError::Obstacle(reason.clone())),
        None => {
            nodes
                .ask_coordinator(async |connection| {
                    record::within(connection, span.as_secs_f64(), MOST, BEFORE).await
                })
                .await
        }
    };
    match read {
        Ok((events, before)) => {
            shown.cut = i64::try_from(events.len()).is_ok_and(|count| count == MOST);
            (shown.events, shown.before) = (events, before);
        }
        Err(error) => shown.missing.push(cluster.missing_coordinator(&error)),
    }
    Ok(shown)
}

impl Events {
    /// As tables: the events of the period, and those from before.
    pub fn tables(&self) -> Vec<Table> {
        let earlier = table("The latest before that", &self.before);
        vec![table("Events", &self.events).when_empty("No operation in this time."), earlier]
    }
}

fn table(title: &str, events: &[EventLine]) -> Table {
    let mut table =
        Table::new(title, &["when (UTC)", "who", "what", "on what", "outcome", "ended", "message"]);
    for event in events {
        let job = |id: i64| Cell::linked(format!("{} (job {id})", event.detail), format!("/jobs?job={id}"));
        let row = table.row([
            Cell::from(event.at.format("%F %T").to_string()),
            event.who.clone().into(),
            event.command.clone().into(),
            event.job.map_or_else(|| event.detail.clone().into(), job),
            event.outcome.clone().into(),
            event.ended_at.map_or_else(String::new, |at| at.format("%T").to_string()).into(),
            event.message.clone().into(),
        ]);
        row.severity = (event.outcome == "failed").then_some(Severity::Warning);
    }
    table
}
