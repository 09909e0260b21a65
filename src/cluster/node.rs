//! The nodes, as the coordinator lists them.

use std::time::Duration;

use super::address::NodeAddress;
use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;

/// How long a node may take to answer while a job is watched, which is asked again soon.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a node may take to answer before an operation that needs it is refused; of that, a new connection
/// may take 5 seconds. A node that is busy, for which an operator adds another, takes seconds; one that is
/// down refuses at once.
pub(crate) const ALIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A primary of the cluster; group 0 is the coordinator.
#[derive(Clone, Debug)]
pub struct ClusterNode {
    /// Citus' number of this node.
    pub id: i32,
    /// The number of its group, which decides the ids that it gives out.
    pub group: i32,
    /// Where it listens.
    pub address: NodeAddress,
    /// Whether Citus sends it work.
    pub active: bool,
    /// Whether it knows where the shards are.
    pub synced: bool,
    /// Whether shards may be placed on it.
    pub takes_shards: bool,
}

/// All primaries, the coordinator first.
pub(crate) async fn list(coordinator: &NodeConnection) -> Result<Vec<ClusterNode>, ClusterError> {
    let sql = "SELECT nodeid, groupid, nodename, nodeport, isactive, metadatasynced, shouldhaveshards
               FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid";
    let rows = coordinator.rows("listing the nodes", sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| ClusterNode {
            id: row.get(0),
            group: row.get(1),
            address: NodeAddress::new(row.get(2), u16::try_from(row.get::<_, i32>(3)).unwrap_or_default()),
            active: row.get(4),
            synced: row.get(5),
            takes_shards: row.get(6),
        })
        .collect())
}

/// The worker at this address.
pub(crate) async fn worker(
    coordinator: &NodeConnection,
    address: &NodeAddress,
) -> Result<ClusterNode, ClusterError> {
    let nodes = list(coordinator).await?;
    match nodes.iter().find(|node| node.address == *address) {
        Some(node) if node.group == 0 => obstacle(format!("{address} is the coordinator")),
        Some(node) => Ok(node.clone()),
        None => {
            let known: Vec<String> =
                nodes.iter().filter(|node| node.group != 0).map(|node| node.address.to_string()).collect();
            obstacle(format!(
                "{address} is not a worker of this cluster; its workers are: {}",
                known.join(", ")
            ))
        }
    }
}

/// Asks all nodes but those excepted for a sign of life, at the same time, and refuses when one gives none.
pub(crate) async fn require_all_alive(
    coordinator: &NodeConnection,
    except: Option<&NodeAddress>,
) -> Result<(), ClusterError> {
    let nodes = list(coordinator).await?;
    let asked = nodes.iter().filter(|node| node.group != 0 && Some(&node.address) != except);
    require_none_unreachable(&unreachable(coordinator, asked, ALIVE_TIMEOUT).await)
}

/// Refuses an operation that needs every node, unless this list of those that do not answer is empty.
pub(crate) fn require_none_unreachable(unreachable: &[String]) -> Result<(), ClusterError> {
    if unreachable.is_empty() {
        return Ok(());
    }
    obstacle(format!(
        "every node must answer for this, and these do not: {}; bring them back first",
        unreachable.join(", ")
    ))
}

/// Those that do not answer within this time, with the reason.
pub(crate) async fn unreachable(
    coordinator: &NodeConnection,
    nodes: impl Iterator<Item = &ClusterNode>,
    timeout: Duration,
) -> Vec<String> {
    let asked = nodes.map(|node| async {
        let alive = async {
            NodeConnection::node(coordinator.config(), &node.address).await?.run("asking", "SELECT 1").await
        };
        match tokio::time::timeout(timeout, alive).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{} ({error})", node.address)),
            Err(_) => Some(format!("{} (no answer within {} s)", node.address, timeout.as_secs_f32())),
        }
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}
