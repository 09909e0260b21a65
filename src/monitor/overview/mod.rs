//! The status of the whole database. All nodes are asked at the same time, over a connection each. A node
//! that does not answer in time is reported as such and delays nothing else.

mod coordinator;
mod node;

use chrono::Utc;

use super::health::{self, HealthInput};
use super::nodes::{Answer, NodeList, Nodes};
use super::report::{CoordinatorState, NodeState, Severity, StatusReport};
use crate::cluster::error::ClusterError;
use node::NodeAnswer;

/// Reads the state of all nodes and checks it.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes. Everything else becomes a verdict.
pub async fn report(nodes: &Nodes) -> Result<StatusReport, ClusterError> {
    let cluster = nodes.list().await?;
    let citus = cluster.citus;
    let answers = nodes
        .ask_all(&cluster.nodes, async |connection, node| node::ask(connection, node, citus, nodes).await);
    let coordinator = async {
        match &cluster.stale {
            // The coordinator has just failed to list its nodes: another question would only take time.
            Some(reason) => Err(ClusterError::Obstacle(reason.clone())),
            None => nodes.ask_coordinator(async |connection| coordinator::ask(connection, citus).await).await,
        }
    };
    let (answers, coordinator) = futures_util::future::join(answers, coordinator).await;
    Ok(assemble(&cluster, answers, coordinator))
}

fn assemble(
    cluster: &NodeList,
    answers: Vec<Answer<NodeAnswer>>,
    coordinator: Result<CoordinatorState, ClusterError>,
) -> StatusReport {
    let unreachable_reason = coordinator.as_ref().err().map(ToString::to_string);
    let coordinator = coordinator.unwrap_or_default();
    let shards_on = |group: i32| coordinator.shards.iter().find(|(on, _)| *on == group);
    let states: Vec<NodeState> = answers
        .into_iter()
        .map(|answer| {
            let shards = shards_on(answer.node.group).map_or(0, |(_, count)| *count);
            node::state(answer, shards)
        })
        .collect();
    let verdicts = health::check(&HealthInput {
        cluster,
        states: &states,
        coordinator: &coordinator,
        unreachable_reason: unreachable_reason.as_deref(),
    });
    StatusReport {
        at: Utc::now(),
        severity: verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Severity::Fine),
        citus: cluster.citus,
        verdicts,
        nodes: states,
        tables: coordinator.tables,
        job: coordinator.job,
        tenants: coordinator.tenants,
        pins: coordinator.pins,
        events: coordinator.events,
    }
}
