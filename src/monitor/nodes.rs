//! The connection pool of the console and of `status`: at most two connections to each node, kept open
//! between pages. Every question has a timeout in this program, so that a frozen node costs its own line of a
//! page and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_postgres::Config;

use crate::cluster::error::ClusterError;
use crate::cluster::node::{self, ALIVE_TIMEOUT, ClusterNode};
use crate::cluster::{HostPort, NodeConnection};

/// The most connections to each node.
const MAX_CONNECTIONS: usize = 2;

/// The pool of connections to all nodes.
pub struct Nodes {
    config: Config,
    read_only: bool,
    timeout: Duration,
    pools: Mutex<HashMap<String, Arc<NodeConnections>>>,
    /// The nodes as the coordinator listed them last.
    last_list: Mutex<Option<NodeList>>,
    /// Whether the coordinator failed to list the nodes last time.
    coordinator_down: AtomicBool,
}

/// The connections to one node. A task takes a slot, then an idle connection or a new one.
struct NodeConnections {
    slots: Semaphore,
    idle: Mutex<Vec<NodeConnection>>,
}

/// The nodes of the cluster.
#[derive(Clone, Debug)]
pub struct NodeList {
    /// The coordinator first. On plain PostgreSQL the only server.
    pub nodes: Vec<ClusterNode>,
    /// False for plain PostgreSQL.
    pub citus: bool,
    /// Why the coordinator did not answer, if this is an older list.
    pub stale: Option<String>,
}

impl NodeList {
    /// The coordinator as a node that did not answer.
    pub(super) fn missing_coordinator(&self, error: &ClusterError) -> MissingNode {
        let node = self.nodes.first().map(|node| node.address.to_string());
        MissingNode { node: node.unwrap_or_else(|| "the coordinator".to_owned()), reason: error.to_string() }
    }
}

/// A node's answer to a question.
pub struct Answer<T> {
    pub node: ClusterNode,
    /// The time until the answer or the error.
    pub after: Duration,
    /// The answer, or why there is none.
    pub result: Result<T, String>,
}

/// A node that did not answer. Every page lists these.
#[derive(Clone, Debug, Serialize)]
pub struct MissingNode {
    /// host:port.
    pub node: String,
    pub reason: String,
}

impl<T> Answer<T> {
    /// The node with the reason, if it did not answer.
    pub fn missing(&self) -> Option<MissingNode> {
        let reason = self.result.as_ref().err()?.clone();
        Some(MissingNode { node: self.node.address.to_string(), reason })
    }
}

impl Nodes {
    /// For the console: read-only, with the role pigeonhole_console. `timeout` is the longest time that a
    /// page waits for a node.
    pub fn for_console(config: &Config, timeout: Duration) -> Self {
        Self::new(config, true, timeout)
    }

    /// For the operator's command line: with the user of `config`.
    pub fn for_operator(config: &Config, timeout: Duration) -> Self {
        Self::new(config, false, timeout)
    }

    fn new(config: &Config, read_only: bool, timeout: Duration) -> Self {
        Self {
            config: config.clone(),
            read_only,
            timeout,
            pools: Mutex::default(),
            last_list: Mutex::default(),
            coordinator_down: AtomicBool::new(false),
        }
    }

    /// Whether the connections have the console's role, which is not a superuser and need not be one.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The longest time that a page waits for a node.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The nodes that the coordinator lists. The last list, marked as stale, if it does not answer within
    /// half of the timeout.
    ///
    /// # Errors
    /// When the coordinator does not answer and has never listed its nodes.
    pub async fn list(&self) -> Result<NodeList, ClusterError> {
        let coordinator = self.configured_server();
        let answer = self
            .ask(&coordinator, self.timeout / 2, async |connection, _| {
                list(connection, coordinator.clone()).await
            })
            .await;
        self.coordinator_down.store(answer.result.is_err(), Ordering::Relaxed);
        let mut last = self.last_list.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.result {
            Ok(list) => {
                *last = Some(list.clone());
                Ok(list)
            }
            Err(reason) => match last.clone() {
                Some(list) => Ok(NodeList { stale: Some(reason), ..list }),
                None => Err(ClusterError::Obstacle(reason)),
            },
        }
    }

    /// Asks the coordinator, or the only server on plain PostgreSQL.
    ///
    /// # Errors
    /// When it does not answer in time. At once when it has just failed to list the nodes, so that a page
    /// waits only once for it.
    pub async fn ask_coordinator<T>(
        &self,
        work: impl AsyncFn(&NodeConnection) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        if self.coordinator_down.load(Ordering::Relaxed) {
            return Err(ClusterError::Obstacle("the coordinator does not answer".to_owned()));
        }
        let coordinator = self.configured_server();
        self.ask(&coordinator, self.timeout, async |connection, _| work(connection).await)
            .await
            .result
            .map_err(ClusterError::Obstacle)
    }

    /// Asks all these nodes at the same time. The answers have the order of the nodes.
    pub async fn ask_all<T>(
        &self,
        nodes: &[ClusterNode],
        work: impl AsyncFn(&NodeConnection, &ClusterNode) -> Result<T, ClusterError>,
    ) -> Vec<Answer<T>> {
        self.ask_all_within(self.timeout, nodes, work).await
    }

    async fn ask_all_within<T>(
        &self,
        timeout: Duration,
        nodes: &[ClusterNode],
        work: impl AsyncFn(&NodeConnection, &ClusterNode) -> Result<T, ClusterError>,
    ) -> Vec<Answer<T>> {
        let work = &work;
        let answers = nodes
            .iter()
            .map(|node| self.ask(node, timeout, async |connection, node| work(connection, node).await));
        futures_util::future::join_all(answers).await
    }

    /// Refuses an operation that needs every node while one does not answer.
    ///
    /// # Errors
    /// With the nodes that do not answer.
    pub async fn require_all_alive(&self) -> Result<(), ClusterError> {
        let cluster = self.list().await?;
        let timeout = self.timeout.max(ALIVE_TIMEOUT);
        let ask =
            async |connection: &NodeConnection, _: &ClusterNode| connection.run("asking", "SELECT 1").await;
        let answers = self.ask_all_within(timeout, &cluster.nodes, ask).await;
        let unreachable = answers
            .iter()
            .filter_map(Answer::missing)
            .map(|missing| format!("{} ({})", missing.node, missing.reason));
        node::require_none_unreachable(&unreachable.collect::<Vec<_>>())
    }

    /// The server that DATABASE_URL names, as a node.
    fn configured_server(&self) -> ClusterNode {
        let address = HostPort::of(&self.config).unwrap_or_else(|| HostPort::new("localhost", 5432));
        ClusterNode { id: 0, group: 0, address, active: true, synced: true, takes_shards: true }
    }

    async fn ask<T>(
        &self,
        node: &ClusterNode,
        timeout: Duration,
        work: impl AsyncFn(&NodeConnection, &ClusterNode) -> Result<T, ClusterError>,
    ) -> Answer<T> {
        let started = Instant::now();
        let pool = self.pool(node);
        let asking = async {
            let _slot = pool.slots.acquire().await.map_err(|_| "stopping".to_owned())?;
            let connection = match pool.take_idle() {
                Some(connection) => connection,
                None => self.connect(node).await.map_err(|error| error.to_string())?,
            };
            let result = work(&connection, node).await;
            // After a timeout the statement may still run, and the next question would wait for it.
            if !connection.is_closed() && !matches!(result, Err(ClusterError::Timeout { .. })) {
                pool.put_back(connection);
            }
            result.map_err(|error| error.to_string())
        };
        let result = match tokio::time::timeout(timeout, asking).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs_f32())),
        };
        Answer { node: node.clone(), after: started.elapsed(), result }
    }

    async fn connect(&self, node: &ClusterNode) -> Result<NodeConnection, ClusterError> {
        match (self.read_only, node.group) {
            (true, 0) => NodeConnection::read_only(&self.config, None, self.timeout).await,
            (true, _) => NodeConnection::read_only(&self.config, Some(&node.address), self.timeout).await,
            (false, 0) => NodeConnection::coordinator(&self.config).await,
            (false, _) => NodeConnection::node(&self.config, &node.address).await,
        }
    }

    fn pool(&self, node: &ClusterNode) -> Arc<NodeConnections> {
        let name = if node.group == 0 { String::new() } else { node.address.to_string() };
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pools.entry(name).or_default())
    }
}

impl Default for NodeConnections {
    fn default() -> Self {
        Self { slots: Semaphore::new(MAX_CONNECTIONS), idle: Mutex::default() }
    }
}

impl NodeConnections {
    fn take_idle(&self) -> Option<NodeConnection> {
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        connection.filter(|connection| !connection.is_closed())
    }

    fn put_back(&self, connection: NodeConnection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

async fn list(connection: &NodeConnection, coordinator: ClusterNode) -> Result<NodeList, ClusterError> {
    let citus = connection.has_citus().await?;
    let nodes = if citus { node::list(connection).await? } else { Vec::new() };
    // A server with the extension and without nodes is a single server.
    if nodes.is_empty() {
        return Ok(NodeList { nodes: vec![coordinator], citus: false, stale: None });
    }
    Ok(NodeList { nodes, citus, stale: None })
}
