//! The pool for a tenant's statements. On Citus there is one pool for each node, and a statement goes to the
//! node that holds the tenant's shard; on plain PostgreSQL there is one pool. The known placements are a
//! hint: every node can run every tenant's statements, so a stale placement makes a call slower and never
//! wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::Config;

use super::checkout::{self, with_connection};
use super::computation::Computations;
use super::connect::at;
use super::connection::Pool;
use super::counters::DbCounters;
use super::error::DbError;
use super::pool::{PoolLimits, PoolState, app_pool, worker_pool};
use super::tenant_load::TenantLoads;
use super::topology::{NodeAddress, NodeGroup, ShardPlacement, Topology};
use crate::domain::TenantId;

/// How often the placements are read again while every call succeeds.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between two readings, however many calls fail.
const REFRESH_PAUSE: Duration = Duration::from_millis(250);
const REFRESH_AFTER_FAILURE: Duration = Duration::from_secs(1);
const REFRESH_DEADLINE: Duration = Duration::from_millis(1500);

/// Knows the placement of each tenant and the pool of each node.
pub(super) struct Router {
    config: Config,
    limits: PoolLimits,
    coordinator: Pool,
    counters: Arc<DbCounters>,
    routes: RwLock<Arc<Routes>>,
    refresh_requested: Notify,
    pub(super) computations: Computations,
    pub(super) loads: TenantLoads,
}

#[derive(Default)]
struct Routes {
    topology: Topology,
    pools: BTreeMap<NodeGroup, NodePool>,
}

#[derive(Clone)]
struct NodePool {
    address: NodeAddress,
    pool: Pool,
}

impl Router {
    /// A router that knows only the server of `config`, which on Citus is the coordinator.
    pub(super) fn new(config: &Config, limits: PoolLimits, counters: Arc<DbCounters>) -> Self {
        Self {
            coordinator: app_pool(config, limits, &counters),
            counters,
            config: config.clone(),
            limits,
            routes: RwLock::default(),
            refresh_requested: Notify::new(),
            computations: Computations::new(),
            loads: TenantLoads::default(),
        }
    }

    /// The pool of the server that DATABASE_URL names, which can run every tenant's statements.
    pub(super) fn coordinator(&self) -> &Pool {
        &self.coordinator
    }

    /// Whether the server is known to be without Citus.
    pub(super) fn is_plain(&self) -> bool {
        self.current().topology.is_plain
    }

    /// The placement of a tenant's shards and the pool of the owning node; none on plain PostgreSQL.
    pub(super) fn placement_of(&self, tenant: TenantId) -> Option<(ShardPlacement, Pool)> {
        let routes = self.current();
        let placement = routes.topology.placement_of(tenant)?;
        // Group 0 is the coordinator, which has its pool already.
        let pool = if placement.group == 0 {
            self.coordinator.clone()
        } else {
            routes.pools.get(&placement.group)?.pool.clone()
        };
        Some((placement, pool))
    }

    pub(super) fn counters(&self) -> &Arc<DbCounters> {
        &self.counters
    }

    /// The pools for tenants' statements as they are now, the coordinator's first.
    pub(super) fn pools(&self) -> Vec<PoolState> {
        let mut states = vec![PoolState::of(name_of(&self.config), "tenants", &self.coordinator)];
        for NodePool { address, pool } in self.current().pools.values() {
            states.push(PoolState::of(format!("{}:{}", address.host, address.port), "tenants", pool));
        }
        states
    }

    /// The pools of all nodes but the coordinator.
    fn workers(&self) -> Vec<Pool> {
        self.current().pools.values().map(|node| node.pool.clone()).collect()
    }

    /// Has the placements read again soon, after a call to the known node failed.
    pub(super) fn request_refresh(&self) {
        self.refresh_requested.notify_one();
    }

    /// Keeps the placements up to date until the future is dropped.
    pub(super) async fn keep_fresh(&self) {
        loop {
            let _ = tokio::time::timeout(REFRESH_INTERVAL, self.refresh_requested.notified()).await;
            if let Err(error) = self.refresh().await {
                log::warn!("could not read the placement of shards: {error}");
                // Without placements the coordinator runs the statements of all tenants.
                tokio::time::sleep(REFRESH_AFTER_FAILURE).await;
                self.request_refresh();
            }
            tokio::time::sleep(REFRESH_PAUSE).await;
        }
    }

    /// Reads the placements from the coordinator or, while that is down, from a worker: every node knows
    /// them.
    pub(super) async fn refresh(&self) -> Result<(), DbError> {
        let mut failure = None;
        for pool in std::iter::once(self.coordinator.clone()).chain(self.workers()) {
            let deadline = Instant::now() + REFRESH_DEADLINE;
            match with_connection(deadline, &pool, async |client| Topology::read(client).await).await {
                Ok(topology) => {
                    self.replace(topology);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn replace(&self, topology: Topology) {
        let before = self.current();
        if before.topology == topology {
            return;
        }
        let mut pools = BTreeMap::new();
        for (group, address) in topology.nodes.iter().filter(|(group, _)| **group != 0) {
            let known = before.pools.get(group).filter(|node| node.address == *address);
            let node = known.cloned().unwrap_or_else(|| self.open(address));
            pools.insert(*group, node);
        }
        for (group, node) in &before.pools {
            // A node that was removed or has a new address could still answer with stale rows.
            if pools.get(group).is_none_or(|kept| kept.address != node.address) {
                checkout::close(&node.pool);
            }
        }
        log::info!("tenants' work goes to {} worker nodes and the coordinator", pools.len());
        match self.routes.write() {
            Ok(mut routes) => *routes = Arc::new(Routes { topology, pools }),
            Err(poisoned) => *poisoned.into_inner() = Arc::new(Routes { topology, pools }),
        }
    }

    /// Closes the pools of all nodes.
    pub(super) fn close(&self) {
        checkout::close(&self.coordinator);
        self.workers().iter().for_each(checkout::close);
    }

    fn open(&self, address: &NodeAddress) -> NodePool {
        let mut config = at(&self.config, &address.host, address.port);
        // A demoted node would answer reads with stale rows.
        config.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        NodePool { address: address.clone(), pool: worker_pool(&config, self.limits, &self.counters) }
    }

    fn current(&self) -> Arc<Routes> {
        match self.routes.read() {
            Ok(routes) => Arc::clone(&routes),
            Err(poisoned) => Arc::clone(&poisoned.into_inner()),
        }
    }
}

/// The server of `config`, as host:port.
pub(super) fn name_of(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        // The embedded server is reached by a socket in its folder.
        _ => "localhost".to_owned(),
    };
    format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432))
}
