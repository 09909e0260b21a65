//! The costliest statements: pg_stat_statements of all nodes, summed up. A statement that ran directly on a
//! shard names the shard's own table, so a node counts it once for each shard. Here the shard numbers are
//! removed from the text, and statements with the same text are one.

mod node;
mod normalize;
mod stats;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::nodes::{Answer, MissingNode, Nodes};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use node::NodeStatements;
pub(super) use normalize::hash_of;
pub use stats::{CitusCounters, StatementScope, StatementStats, Statements};

/// How many statements are shown.
const MOST_SHOWN: usize = 50;
/// How many statements each hourly sample keeps.
const MOST_KEPT: usize = 200;

/// Reads the statements of all nodes, and compares them with the sample from a day ago.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn statements(nodes: &Nodes) -> Result<Statements, ClusterError> {
    let cluster = nodes.list().await?;
    let citus = cluster.citus;
    let answers = nodes.ask_all(&cluster.nodes, async |connection, _| {
        Ok((node::statements(connection).await?, node::counters(connection, citus).await?))
    });
    let (answers, earlier) = futures_util::future::join(answers, nodes.ask_coordinator(earlier_sample)).await;
    let mut report = Statements {
        at: Utc::now(),
        counting: Vec::new(),
        unreadable: Vec::new(),
        statements: Vec::new(),
        counters: Vec::new(),
        compared_with: None,
        missing: answers.iter().filter_map(Answer::missing).collect(),
    };
    let mut counted = Vec::new();
    for answer in answers {
        let node = answer.node.address.to_string();
        let Ok((statements, counters)) = answer.result else { continue };
        report.counters.extend(counters.map(|counters| CitusCounters { node: node.clone(), ..counters }));
        match statements {
            NodeStatements::NotCounting => {}
            NodeStatements::Unreadable(reason) => report.unreadable.push(MissingNode { node, reason }),
            NodeStatements::Counted(statements) => {
                counted.push(statements);
                report.counting.push(node);
            }
        }
    }
    report.statements = stats::summed(counted);
    report.statements.truncate(MOST_SHOWN);
    if let Ok(earlier) = earlier {
        compare(&mut report, &earlier);
    }
    Ok(report)
}

/// The costliest statements of all nodes that answer, for the samples.
pub(super) async fn counted(nodes: &Nodes) -> Result<Vec<StatementStats>, ClusterError> {
    let cluster = nodes.list().await?;
    let answers =
        nodes.ask_all(&cluster.nodes, async |connection, _| node::statements(connection).await).await;
    let counted = answers.into_iter().filter_map(|answer| match answer.result {
        Ok(NodeStatements::Counted(statements)) => Some(statements),
        _ => None,
    });
    let mut summed = stats::summed(counted.collect());
    summed.truncate(MOST_KEPT);
    Ok(summed)
}

/// Calls, milliseconds and the sample's time by [`hash_of`] the statement.
type EarlierSample = HashMap<i64, (i64, f64, DateTime<Utc>)>;

const EARLIER: &str = "
    SELECT statement, calls, total_ms, at FROM operator.statement_samples
    WHERE at = (SELECT min(at) FROM operator.statement_samples WHERE at > now() - interval '25 hours')";

async fn earlier_sample(coordinator: &NodeConnection) -> Result<EarlierSample, ClusterError> {
    let rows = coordinator.rows("reading samples", EARLIER, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect())
}

fn compare(report: &mut Statements, earlier: &EarlierSample) {
    report.compared_with = earlier.values().next().map(|(.., at)| *at);
    for statement in &mut report.statements {
        // Fewer calls than in the sample: the statistics were reset in between.
        let sample = earlier.get(&hash_of(&statement.text)).filter(|(calls, ..)| *calls <= statement.calls);
        statement.since =
            sample.map(|(calls, total_ms, _)| (statement.calls - calls, statement.total_ms - total_ms));
    }
}
