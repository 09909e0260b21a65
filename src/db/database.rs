//! The database as the application sees it: a handle for each kind of work, each on the pool of its own role.
//! No pool leaves this folder.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;

use super::checkout::{CALL_DEADLINE, within};
use super::connection::{Object, Pool};
use super::counters::{PoolState, Routing, Shared};
use super::error::DbError;
use super::listen::{self, Heard};
use super::migrate::{self, AppliedMigration};
use super::pool::pool;
use super::roles;
use super::router::{Router, name_of};
use super::schema_check::{self, UnsafeSchema};
use super::tenant_handle::TenantHandle;
use super::tenant_load::Loads;
use crate::domain::TenantId;

const DIRECTORY_POOL_SIZE: usize = 4;
const GOODBYE: Duration = Duration::from_millis(20);

/// The database, as the application sees it.
#[derive(Clone)]
pub struct Database {
    config: Config,
    router: Arc<Router>,
    login: Pool,
    sign_up: Pool,
    maintenance: Pool,
    relay: Pool,
}

impl Database {
    /// Makes the pools; nothing is connected yet.
    pub fn new(config: &Config, pool_size: usize) -> Self {
        let tally = Shared::default();
        Self {
            config: config.clone(),
            login: pool(config, roles::LOGIN, DIRECTORY_POOL_SIZE, &tally),
            sign_up: pool(config, roles::SIGN_UP, DIRECTORY_POOL_SIZE, &tally),
            maintenance: pool(config, roles::MAINTENANCE, 1, &tally),
            relay: pool(&one_connection_to_each_node(config), roles::RELAY, 2, &tally),
            router: Arc::new(Router::new(config, pool_size, tally)),
        }
    }

    /// The handle on one tenant's rows.
    pub fn tenant(&self, tenant: TenantId) -> TenantHandle {
        TenantHandle::new(Arc::clone(&self.router), tenant)
    }

    /// What each tenant's work came to lately.
    pub fn loads(&self) -> &Loads {
        &self.router.loads
    }

    /// The handle on the login directory.
    pub fn directory(&self) -> DirectoryHandle {
        DirectoryHandle { pool: self.login.clone() }
    }

    /// The handle that founds tenants and adds users.
    pub fn sign_up(&self) -> SignUpHandle {
        SignUpHandle { pool: self.sign_up.clone() }
    }

    /// Runs `work` as the role that removes what expired in all tenants.
    pub(crate) async fn maintain<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.maintenance, work).await
    }

    /// Runs `work` as the role that sees in which tenants something is due.
    pub(crate) async fn relay<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.relay, work).await
    }

    /// Listens for what is told on `channel` at the coordinator, until the future is dropped; reconnects by
    /// itself.
    pub(crate) async fn listen(&self, channel: &'static str, heard: impl Fn(Heard)) {
        listen::for_ever(&self.config, channel, heard).await;
    }

    /// Refuses a schema on which a tenant's rows could leak.
    ///
    /// # Errors
    /// What is wrong with the schema or the role, in one sentence.
    pub async fn refuse_unsafe_schema(&self) -> Result<(), UnsafeSchema> {
        schema_check::check(self.router.coordinator()).await
    }

    /// Sends each tenant's work to the node that holds its shard, from now on and until the future is
    /// dropped. Without it the coordinator does all work.
    pub async fn route(&self) {
        self.router.report_trouble();
        self.router.keep_fresh().await;
    }

    /// The pools of this process as they are now.
    pub fn pools(&self) -> Vec<PoolState> {
        let mut states = self.router.pools();
        let others = [
            ("login", &self.login),
            ("sign_up", &self.sign_up),
            ("maintenance", &self.maintenance),
            ("relay", &self.relay),
        ];
        states.extend(others.map(|(name, pool)| PoolState::of(name_of(&self.config), name, pool)));
        states
    }

    /// How tenants' statements were sent since the start.
    pub fn routing(&self) -> Routing {
        self.router.tally().routing()
    }

    /// Failed calls since the start, by class of SQLSTATE, or as `timeout`, `pool_busy`, `unreachable` or
    /// `broken_off`.
    pub fn errors(&self) -> Vec<(&'static str, u64)> {
        self.router.tally().errors()
    }

    /// The migrations that the database has had, in order.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn migrations(&self) -> Result<Vec<AppliedMigration>, DbError> {
        let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
        within(deadline, self.router.coordinator(), async |client| migrate::applied(client).await).await
    }

    /// Ends the connections that are idle, and those in use as soon as they are not. No call succeeds
    /// afterwards.
    pub async fn close(&self) {
        for pool in [&self.login, &self.sign_up, &self.maintenance, &self.relay] {
            pool.close();
        }
        self.router.close();
        // They say goodbye in tasks of their own; a database that is stopped before would end them with an
        // error.
        tokio::time::sleep(GOODBYE).await;
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when there is none within a second.
    pub async fn ping(&self) -> Result<(), DbError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        within(deadline, self.router.coordinator(), async |client| {
            Ok(client.batch_execute("SELECT 1").await?)
        })
        .await
    }
}

/// A look over all shards is not urgent: Citus would open a connection for each of a node's shards.
fn one_connection_to_each_node(config: &Config) -> Config {
    let mut config = config.clone();
    let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    config.options(format!("{given}-c citus.max_adaptive_executor_pool_size=1"));
    config
}

/// Finds users by what they log in with. Reads the directory and the names of tenants, and nothing else.
pub struct DirectoryHandle {
    pool: Pool,
}

impl DirectoryHandle {
    /// Borrows a connection for one piece of work within the deadline of a call.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.pool, work).await
    }
}

/// Founds tenants and adds users to them, and can do nothing else.
pub struct SignUpHandle {
    pool: Pool,
}

impl SignUpHandle {
    /// Borrows a connection for one piece of work within the deadline of a call.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.pool, work).await
    }
}
