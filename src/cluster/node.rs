//! The nodes of the cluster, as the coordinator lists them in pg_dist_node.

use std::time::Duration;

use tokio_postgres::Row;

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;

/// How long a node may take to answer one poll of a running job. The next poll follows within seconds.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a node may take to answer before an operation that needs it is refused. Connecting may take 5 of
/// these seconds. An overloaded node, for which the operator adds a worker, takes seconds; a node that is
/// down refuses the connection at once.
pub(crate) const ALIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A primary node of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterNode {
    /// pg_dist_node.nodeid.
    pub id: i32,
    /// pg_dist_node.groupid: 0 is the coordinator. Ids generated on a worker start at its group times 2^48.
    pub group: i32,
    pub address: HostPort,
    /// Whether Citus sends queries to it.
    pub active: bool,
    /// Whether its copy of the metadata is up to date, so that it knows where all shards are.
    pub synced: bool,
    /// pg_dist_node.shouldhaveshards; false while it is drained.
    pub takes_shards: bool,
}

const COLUMNS: &str = "nodeid, groupid, nodename, nodeport, isactive, metadatasynced, shouldhaveshards";

impl ClusterNode {
    /// Reads a row of [`COLUMNS`].
    fn from_row(row: &Row) -> Self {
        let port = u16::try_from(row.get::<_, i32>(3)).unwrap_or_default();
        Self {
            id: row.get(0),
            group: row.get(1),
            address: HostPort::new(row.get(2), port),
            active: row.get(4),
            synced: row.get(5),
            takes_shards: row.get(6),
        }
    }
}

/// All primary nodes, the coordinator first.
pub(crate) async fn list(coordinator: &NodeConnection) -> Result<Vec<ClusterNode>, ClusterError> {
    let sql = format!("SELECT {COLUMNS} FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid");
    let rows = coordinator.rows("listing the nodes", &sql, &[]).await?;
    Ok(rows.iter().map(ClusterNode::from_row).collect())
}

/// The worker at this address. Refuses the coordinator's address, and names the workers when none has it.
pub(crate) async fn worker(
    coordinator: &NodeConnection,
    address: &HostPort,
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

/// Refuses unless all workers, except the one at `except`, answer within [`ALIVE_TIMEOUT`].
pub(crate) async fn require_all_alive(
    coordinator: &NodeConnection,
    except: Option<&HostPort>,
) -> Result<(), ClusterError> {
    let nodes = list(coordinator).await?;
    let workers = nodes.iter().filter(|node| node.group != 0 && Some(&node.address) != except);
    require_none_unreachable(&unreachable(coordinator, workers, ALIVE_TIMEOUT).await)
}

/// Refuses an operation that needs every node when the list of unreachable nodes is not empty.
pub(crate) fn require_none_unreachable(unreachable: &[String]) -> Result<(), ClusterError> {
    if unreachable.is_empty() {
        return Ok(());
    }
    obstacle(format!(
        "every node must answer for this, and these do not: {}; bring them back first",
        unreachable.join(", ")
    ))
}

/// Asks the nodes at the same time. Gives each one that does not answer within `timeout`, with the reason.
pub(crate) async fn unreachable(
    coordinator: &NodeConnection,
    nodes: impl Iterator<Item = &ClusterNode>,
    timeout: Duration,
) -> Vec<String> {
    let answers = nodes.map(|node| async {
        let alive = async {
            NodeConnection::node(coordinator.config(), &node.address).await?.run("asking", "SELECT 1").await
        };
        match tokio::time::timeout(timeout, alive).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{} ({error})", node.address)),
            Err(_) => Some(format!("{} (no answer within {} s)", node.address, timeout.as_secs_f32())),
        }
    });
    futures_util::future::join_all(answers).await.into_iter().flatten().collect()
}
