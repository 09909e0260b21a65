//! Which pool does a tenant's work. On Citus there is one pool for each node, and a call goes to the node
//! that holds the tenant's shard; on plain PostgreSQL there is one pool. The map is a hint: every node can do
//! every tenant's work, so a stale one makes a call slower and never wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::Config;

use super::checkout::within;
use super::connect::at;
use super::connection::Pool;
use super::counters::{PoolState, Shared};
use super::error::DbError;
use super::pool::{app_pool, worker_pool};
use super::shard_reads::Home;
use super::tenant_load::Loads;
use super::topology::{Address, Group, Topology};
use crate::domain::TenantId;

/// How old the map grows when nothing goes wrong.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between two readings, however much goes wrong.
const REFRESH_PAUSE: Duration = Duration::from_millis(250);
/// How soon it is read again when that failed.
const REFRESH_AFTER_FAILURE: Duration = Duration::from_secs(1);
const REFRESH_DEADLINE: Duration = Duration::from_millis(1500);

/// Sends tenants' work to nodes.
pub(super) struct Router {
    config: Config,
    pool_size: usize,
    coordinator: Pool,
    tally: Shared,
    routes: RwLock<Arc<Routes>>,
    trouble: Notify,
    /// What tenants' work comes to.
    pub(super) loads: Loads,
}

#[derive(Default)]
struct Routes {
    topology: Topology,
    pools: BTreeMap<Group, NodePool>,
}

#[derive(Clone)]
struct NodePool {
    address: Address,
    pool: Pool,
}

impl Router {
    /// A router that knows only the server of `config`, which on Citus is the coordinator.
    pub(super) fn new(config: &Config, pool_size: usize, tally: Shared) -> Self {
        Self {
            coordinator: app_pool(config, pool_size, &tally),
            tally,
            config: config.clone(),
            pool_size,
            routes: RwLock::default(),
            trouble: Notify::new(),
            loads: Loads::default(),
        }
    }

    /// The server that can always be asked.
    pub(super) fn coordinator(&self) -> &Pool {
        &self.coordinator
    }

    /// Where a tenant's shards are, with the pool of that node.
    pub(super) fn home(&self, tenant: TenantId) -> Option<(Home, Pool)> {
        let routes = self.current();
        let home = routes.topology.home_of(tenant)?;
        // Group 0 is the coordinator, which has its pool already.
        let pool = if home.group == 0 {
            self.coordinator.clone()
        } else {
            routes.pools.get(&home.group)?.pool.clone()
        };
        Some((home, pool))
    }

    /// What is counted.
    pub(super) fn tally(&self) -> &Shared {
        &self.tally
    }

    /// The pools for tenants' work as they are now, the coordinator's first.
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

    /// Has the map read again soon: something that it led to did not work.
    pub(super) fn report_trouble(&self) {
        self.trouble.notify_one();
    }

    /// Keeps the map fresh until the task is dropped.
    pub(super) async fn keep_fresh(&self) {
        loop {
            let _ = tokio::time::timeout(REFRESH_INTERVAL, self.trouble.notified()).await;
            if let Err(error) = self.refresh().await {
                log::warn!("the map of tenants to nodes could not be read: {error}");
                // Until there is one, the coordinator does everybody's work.
                tokio::time::sleep(REFRESH_AFTER_FAILURE).await;
                self.report_trouble();
            }
            tokio::time::sleep(REFRESH_PAUSE).await;
        }
    }

    /// Reads the map: from the coordinator, or while that is down from any worker, as all know it.
    pub(super) async fn refresh(&self) -> Result<(), DbError> {
        let mut failure = None;
        for pool in std::iter::once(self.coordinator.clone()).chain(self.workers()) {
            let deadline = Instant::now() + REFRESH_DEADLINE;
            match within(deadline, &pool, async |client| Topology::read(client).await).await {
                Ok(topology) => {
                    self.take_over(topology);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn take_over(&self, topology: Topology) {
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
            // A removed or renamed node goes on answering from what it knew last.
            if pools.get(group).is_none_or(|kept| kept.address != node.address) {
                node.pool.close();
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
        self.coordinator.close();
        self.workers().iter().for_each(Pool::close);
    }

    fn open(&self, address: &Address) -> NodePool {
        let mut config = at(&self.config, &address.host, address.port);
        // A demoted node would go on answering reads from the past.
        config.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        NodePool { address: address.clone(), pool: worker_pool(&config, self.pool_size, &self.tally) }
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
