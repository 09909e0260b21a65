//! Pools of connections. Each connection takes the role of its pool when it opens, whatever user DATABASE_URL
//! names, and logs in as a login that can take only that role where there is one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::QueueMode;
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use serde::Serialize;
use tokio_postgres::{Config, NoTls};

use super::admission::{Admission, WAIT_TIMEOUT};
use super::connect::CONNECT_TIMEOUT;
use super::connection::{ConnectionManager, Pool};
use super::counters::DbCounters;
use super::logins::logging_in_for;
use super::roles;
use super::shares::Shares;

/// Without it SET LOCAL would not reach the Citus workers, and the policies there would see no tenant. Plain
/// PostgreSQL accepts it as a custom setting.
const CITUS: &str = "-c citus.propagate_set_commands=local";
/// The first three fix the text format that `row` reads. `random_page_cost` is that of an SSD: the planner
/// then finds the few rows of a tenant by an index instead of scanning the shard.
const READING: &str = "-c timezone=UTC -c datestyle=ISO -c bytea_output=hex -c random_page_cost=1.1";

/// The limits of the pool for tenants' statements on a node.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// The most connections that it may open.
    pub connections: usize,
    /// The most calls that the node works on at once; none to ask the node for its cores.
    pub at_once: Option<usize>,
}

/// A pool for tenants' statements on the server that DATABASE_URL names.
pub(super) fn app_pool(config: &Config, limits: PoolLimits, counters: &Arc<DbCounters>) -> Pool {
    let mut shares = Shares::between_tenants(limits.connections);
    shares.at_once = limits.at_once.unwrap_or(limits.connections).min(limits.connections);
    open(config, roles::APP, shares, counters, limits.at_once.is_none())
}

/// A pool for tenants' statements on a worker. Statements prepared there read one shard by an index, so a
/// plan for the given values is never better than the generic plan. Transactions through Citus override this
/// setting.
pub(super) fn worker_pool(config: &Config, limits: PoolLimits, counters: &Arc<DbCounters>) -> Pool {
    let mut config = config.clone();
    let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    config.options(format!("{given}-c plan_cache_mode=force_generic_plan"));
    app_pool(&config, limits, counters)
}

/// A pool whose connections work as `role`.
pub(super) fn pool(config: &Config, role: &str, shares: Shares, counters: &Arc<DbCounters>) -> Pool {
    open(config, role, shares, counters, false)
}

fn open(
    config: &Config,
    role: &str,
    shares: Shares,
    counters: &Arc<DbCounters>,
    asks_for_cores: bool,
) -> Pool {
    let manager = Manager::from_config(
        as_role(config, role),
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(ConnectionManager {
        manager,
        admission: Admission::new(shares),
        counters: Arc::clone(counters),
        unasked_node: Mutex::new(asks_for_cores.then(|| config.clone())),
    })
    .max_size(shares.connections)
    // The connection that was used last has its plans cached.
    .queue_mode(QueueMode::Lifo)
    // Calls wait for their admission; the pool then has a connection for each.
    .wait_timeout(Some(WAIT_TIMEOUT))
    .create_timeout(Some(CONNECT_TIMEOUT))
    .recycle_timeout(Some(Duration::from_millis(500)))
    .runtime(Runtime::Tokio1)
    .build()
    .expect("a runtime is set, which is all that building a pool can lack")
}

/// The configuration of a connection that works as `role`.
pub(super) fn as_role(config: &Config, role: &str) -> Config {
    let mut config = logging_in_for(config, role);
    let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    let limits = roles::TIME_LIMITS.map(|(setting, limit)| format!("-c {setting}={limit}")).join(" ");
    config
        .options(format!("{given}-c role={role} {limits} {CITUS} {READING}"))
        .application_name(role)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(Duration::from_secs(5))
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3);
    config
}

/// A pool of connections as it is now.
#[derive(Clone, Debug, Serialize)]
pub struct PoolState {
    /// The server, as host:port.
    pub node: String,
    /// What the pool is for: tenants, login, sign_up, maintenance or relay.
    pub pool: &'static str,
    /// The most connections that it may open.
    pub limit: usize,
    /// The most calls that work at once; further ones start only beside calls that have stalled.
    pub at_once: usize,
    pub open: usize,
    pub in_use: usize,
    /// Calls that wait for a connection now.
    pub waiting: usize,
    /// Calls that have waited since the start, because no connection was free for them.
    pub waits: u64,
    pub waited_seconds: f64,
    /// How many of the waits ended without a connection.
    pub given_up: u64,
    /// Calls that were refused at once, because too many of the same tenant waited.
    pub refused: u64,
}

impl PoolState {
    pub(super) fn of(node: String, name: &'static str, pool: &Pool) -> Self {
        let status = pool.status();
        let admission = &pool.manager().admission;
        let waits = admission.counts();
        Self {
            node,
            pool: name,
            limit: status.max_size,
            at_once: admission.at_once(),
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            waiting: admission.waiting(),
            waits: waits.waits,
            waited_seconds: waits.seconds,
            given_up: waits.timed_out,
            refused: waits.refused,
        }
    }
}
