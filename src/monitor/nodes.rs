//! The way to the nodes for those who only look: few connections that are kept, a role that can read no note,
//! and a clock of our own, so that a node that is frozen or dead costs its own line and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_postgres::Config;

use crate::cluster::error::ClusterError;
use crate::cluster::node::{self, ALIVE_TIMEOUT, ClusterNode};
use crate::cluster::{NodeAddress, NodeConnection};

/// The most connections to each node.
const MOST_CONNECTIONS: usize = 2;

/// All nodes, and how to ask them.
pub struct Nodes {
    config: Config,
    read_only: bool,
    timeout: Duration,
    seats: Mutex<HashMap<String, Arc<Seat>>>,
    known: Mutex<Option<NodeList>>,
    /// Whether the coordinator did not list the nodes when it was last asked to.
    silent: AtomicBool,
}

/// The connections to one node.
struct Seat {
    permits: Semaphore,
    idle: Mutex<Vec<NodeConnection>>,
}

/// The nodes at one moment.
#[derive(Clone, Debug)]
pub struct NodeList {
    /// The coordinator first; on plain PostgreSQL its only server.
    pub nodes: Vec<ClusterNode>,
    /// Whether Citus is there.
    pub citus: bool,
    /// Why the list may be an old one.
    pub stale: Option<String>,
}

/// What a node said, or why it did not.
pub struct Answer<T> {
    /// The node.
    pub node: ClusterNode,
    /// After how long.
    pub after: Duration,
    /// What it said.
    pub result: Result<T, String>,
}

/// A node that did not answer, as every page names it.
#[derive(Clone, Debug, Serialize)]
pub struct MissingNode {
    /// host:port.
    pub node: String,
    /// Why.
    pub reason: String,
}

impl<T> Answer<T> {
    /// The node and why it said nothing; none when it did.
    pub fn missing(&self) -> Option<MissingNode> {
        let reason = self.result.as_ref().err()?.clone();
        Some(MissingNode { node: self.node.address.to_string(), reason })
    }
}

impl Nodes {
    /// For the console: with its own role, and reading only. A node may take `patience` for all that it is
    /// asked for one page.
    pub fn for_console(config: &Config, timeout: Duration) -> Self {
        Self::new(config, true, timeout)
    }

    /// For an operator's command: as the user of `config`.
    pub fn for_operator(config: &Config, timeout: Duration) -> Self {
        Self::new(config, false, timeout)
    }

    fn new(config: &Config, read_only: bool, timeout: Duration) -> Self {
        Self {
            config: config.clone(),
            read_only,
            timeout,
            seats: Mutex::default(),
            known: Mutex::default(),
            silent: AtomicBool::new(false),
        }
    }

    /// Whether it looks as the console's role, which is no superuser and need not be one.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// How long a node may take for all that it is asked for one page.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The nodes that the coordinator lists. When it does not answer soon, those that it listed last.
    ///
    /// # Errors
    /// When it has never listed any.
    pub async fn list(&self) -> Result<NodeList, ClusterError> {
        let home = self.home();
        match self
            .ask(&home, self.timeout / 2, async |connection, _| list(connection, home.clone()).await)
            .await
            .result
        {
            Ok(cluster) => {
                self.silent.store(false, Ordering::Relaxed);
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
                Ok(cluster)
            }
            Err(reason) => {
                self.silent.store(true, Ordering::Relaxed);
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let stale = Some(reason.clone());
                known.map(|known| NodeList { stale, ..known }).ok_or(ClusterError::Obstacle(reason))
            }
        }
    }

    /// Asks the coordinator, or the only server.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn ask_coordinator<T>(
        &self,
        work: impl AsyncFn(&NodeConnection) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        // Who has just kept a page waiting does not do so twice.
        if self.silent.load(Ordering::Relaxed) {
            return Err(ClusterError::Obstacle("the coordinator does not answer".to_owned()));
        }
        let home = self.home();
        self.ask(&home, self.timeout, async |connection, _| work(connection).await)
            .await
            .result
            .map_err(ClusterError::Obstacle)
    }

    /// Asks all of these at the same time; each has an answer, in the same order.
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
        let asked = nodes
            .iter()
            .map(|node| self.ask(node, timeout, async |connection, node| work(connection, node).await));
        futures_util::future::join_all(asked).await
    }

    /// Refuses what needs every node while one does not answer, sooner than the operation itself would.
    ///
    /// # Errors
    /// With the names of those that do not.
    pub async fn require_all_alive(&self) -> Result<(), ClusterError> {
        let cluster = self.list().await?;
        let timeout = self.timeout.max(ALIVE_TIMEOUT);
        let ask =
            async |connection: &NodeConnection, _: &ClusterNode| connection.run("asking", "SELECT 1").await;
        let answers = self.ask_all_within(timeout, &cluster.nodes, ask).await;
        let silent = answers
            .iter()
            .filter_map(Answer::missing)
            .map(|missing| format!("{} ({})", missing.node, missing.reason));
        node::require_none_unreachable(&silent.collect::<Vec<_>>())
    }

    /// The server that `DATABASE_URL` names.
    fn home(&self) -> ClusterNode {
        let address = NodeAddress::of(&self.config).unwrap_or_else(|| NodeAddress::new("localhost", 5432));
        ClusterNode { id: 0, group: 0, address, active: true, synced: true, takes_shards: true }
    }

    async fn ask<T>(
        &self,
        node: &ClusterNode,
        timeout: Duration,
        work: impl AsyncFn(&NodeConnection, &ClusterNode) -> Result<T, ClusterError>,
    ) -> Answer<T> {
        let started = Instant::now();
        let seat = self.seat(node);
        let asking = async {
            let _permit = seat.permits.acquire().await.map_err(|_| "stopping".to_owned())?;
            let kept = seat
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
                .filter(|connection| !connection.is_closed());
            let connection = match kept {
                Some(connection) => connection,
                None => self.connect(node).await.map_err(|error| error.to_string())?,
            };
            let result = work(&connection, node).await;
            if !connection.is_closed() && !matches!(result, Err(ClusterError::Timeout { .. })) {
                seat.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
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

    fn seat(&self, node: &ClusterNode) -> Arc<Seat> {
        let name = if node.group == 0 { String::new() } else { node.address.to_string() };
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Seat { permits: Semaphore::new(MOST_CONNECTIONS), idle: Mutex::default() });
        Arc::clone(seats.entry(name).or_insert_with(fresh))
    }
}

async fn list(connection: &NodeConnection, home: ClusterNode) -> Result<NodeList, ClusterError> {
    let citus = connection.has_citus().await?;
    let nodes = if citus { node::list(connection).await? } else { Vec::new() };
    // A server with the extension and no nodes is alone.
    if nodes.is_empty() {
        return Ok(NodeList { nodes: vec![home], citus: false, stale: None });
    }
    Ok(NodeList { nodes, citus, stale: None })
}
