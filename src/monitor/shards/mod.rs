//! The shard map: all bundles of shards by node, with their bytes, loads and tenants. The sizes and the
//! statistics are missing while a node does not answer.

mod catalog;
mod map;

use chrono::Utc;

use super::nodes::{Answer, MissingNode, Nodes};
use super::tenants;
use crate::cluster::error::ClusterError;
use crate::db::TenantLoad;
use catalog::{Catalog, Measurements};
pub use map::{CostlyStatement, ShardBundle, ShardMap, ShardNode, ShardTenant};

/// Reads the shard map. `counted` are the loads that this process has counted and not written yet.
///
/// # Errors
/// When no node answers.
pub async fn shards(nodes: &Nodes, counted: &[TenantLoad]) -> Result<ShardMap, ClusterError> {
    let cluster = nodes.list().await?;
    if !cluster.citus {
        return Ok(ShardMap {
            at: Utc::now(),
            citus: false,
            nodes: Vec::new(),
            mean_bytes: 0,
            missing: Vec::new(),
        });
    }
    let answers = nodes.ask_all(&cluster.nodes, async |connection, _| {
        Ok((Catalog::read(connection).await?, Measurements::read(connection).await?))
    });
    let loads = async {
        // The coordinator has just failed to list its nodes: another question would only take time.
        if cluster.stale.is_some() {
            return counted.to_vec();
        }
        nodes
            .ask_coordinator(async |connection| tenants::recent_loads(connection, counted).await)
            .await
            .unwrap_or_else(|_| counted.to_vec())
    };
    let (answers, loads) = futures_util::future::join(answers, loads).await;
    assemble(answers, &loads)
}

fn assemble(
    answers: Vec<Answer<(Catalog, Measurements)>>,
    loads: &[TenantLoad],
) -> Result<ShardMap, ClusterError> {
    let missing: Vec<MissingNode> = answers.iter().filter_map(Answer::missing).collect();
    let mut catalogs = answers.iter().filter_map(|answer| answer.result.as_ref().ok());
    let Some(mut catalog) = catalogs.next().map(|(catalog, _)| catalog.clone()) else {
        let reason = missing.first().map_or_else(String::new, |missing| missing.reason.clone());
        return Err(ClusterError::Obstacle(reason));
    };
    catalog.add_loads(loads);
    let nodes: Vec<ShardNode> = answers
        .into_iter()
        .map(|answer| catalog.node(answer))
        .filter(|node| node.group != 0 || !node.shards.is_empty())
        .collect();
    let takers = i64::try_from(nodes.iter().filter(|node| node.takes_shards).count()).unwrap_or(1).max(1);
    let mean_bytes = nodes.iter().map(|node| node.bytes).sum::<i64>() / takers;
    Ok(ShardMap { at: Utc::now(), citus: true, nodes, mean_bytes, missing })
}
