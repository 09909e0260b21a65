//! How a pool is made. Each connection takes its role when it is opened, whatever user DATABASE_URL names.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::QueueMode;
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::{Config, NoTls};

use super::connect::CONNECT_TIMEOUT;
use super::connection::{Connections, Pool};
use super::counters::{Shared, Waits};
use super::roles;

/// Without it SET LOCAL would not reach the Citus workers, and the policies there would see no tenant. Plain
/// PostgreSQL takes it as a setting of nobody's.
const CITUS: &str = "-c citus.propagate_set_commands=local";
/// How times are written, for the program to read them, and that to fetch a page by an index costs little
/// more than the next page, as it does on any disk of today: few rows of one tenant are never worth a look at
/// all of a shard.
const READING: &str = "-c timezone=UTC -c datestyle=ISO -c bytea_output=hex -c random_page_cost=1.1";

/// A pool for tenants' work on a server of which nothing is known.
pub(super) fn app_pool(config: &Config, size: usize, tally: &Shared) -> Pool {
    pool(config, roles::APP, size, tally)
}

/// A pool for tenants' work on a worker. What is prepared there reads one shard by an index, so that a plan
/// for these very values would never be better than the general one; what goes through Citus has its own
/// setting in its transaction.
pub(super) fn worker_pool(config: &Config, size: usize, tally: &Shared) -> Pool {
    let mut config = config.clone();
    let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    config.options(format!("{given}-c plan_cache_mode=force_generic_plan"));
    app_pool(&config, size, tally)
}

/// A pool whose connections work as `role`.
pub(super) fn pool(config: &Config, role: &str, size: usize, tally: &Shared) -> Pool {
    let manager = Manager::from_config(
        as_role(config, role),
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(Connections { manager, waits: Waits::default(), tally: Shared::clone(tally) })
        .max_size(size)
        // The connection that was used last has its plans and pages at hand.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(Duration::from_millis(1500)))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(Duration::from_millis(500)))
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a runtime is set, which is all that building a pool can lack")
}

/// The configuration of a connection that works as `role`.
pub(super) fn as_role(config: &Config, role: &str) -> Config {
    let mut config = config.clone();
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
