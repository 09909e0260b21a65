//! What operators did.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::report::Severity;
use super::table::{Cell, Table};
use crate::cluster::error::ClusterError;
use crate::cluster::{EventLine, events as record};

/// Events of a stretch that are shown.
const MOST: i64 = 500;
/// And of the time before it, so that a quiet hour is not an empty page.
const BEFORE: i64 = 10;

/// The events of a stretch of time.
#[derive(Serialize)]
pub struct Events {
    /// When.
    pub at: DateTime<Utc>,
    /// The stretch in seconds.
    pub span: u64,
    /// Newest first.
    pub events: Vec<EventLine>,
    /// Whether there were more than are shown.
    pub cut: bool,
    /// The latest of the time before.
    pub before: Vec<EventLine>,
    /// The coordinator, which keeps them, when it did not answer.
    pub missing: Vec<MissingNode>,
}

/// Reads them.
///
/// # Errors
/// When the coordinator never answered.
pub async fn events(nodes: &Nodes, span: Duration) -> Result<Events, ClusterError> {
    let cluster = nodes.list().await?;
    let mut found = Events {
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
            found.cut = i64::try_from(events.len()).is_ok_and(|count| count == MOST);
            (found.events, found.before) = (events, before);
        }
        Err(error) => {
            let node = cluster
                .nodes
                .first()
                .map_or_else(|| "the coordinator".to_owned(), |node| node.address.to_string());
            found.missing.push(MissingNode { node, reason: error.to_string() });
        }
    }
    Ok(found)
}

impl Events {
    /// The same as tables: of the stretch, and before it.
    pub fn tables(&self) -> Vec<Table> {
        let earlier = table("The latest before that", &self.before);
        vec![table("Events", &self.events).when_empty("Nothing was done in this time."), earlier]
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
