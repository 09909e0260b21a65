//! The database for the rest of the program: a handle for each kind of work, each on the pool of its own
//! role. No pool leaves this folder.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Config;
use tokio_postgres::types::ToSql;

use super::checkout::{self, CALL_DEADLINE, with_connection};
use super::connection::{Pool, PooledConnection};
use super::counters::{DbCounters, Routing};
use super::error::DbError;
use super::listen::{self, ListenEvent};
use super::logins;
use super::migrate::{self, AppliedMigration};
use super::pool::{PoolLimits, PoolState, pool};
use super::roles;
use super::router::{Router, name_of};
use super::row::{DbRow, FromRow};
use super::schema_check::{self, UnsafeSchema};
use super::shares::Shares;
use super::tenant_handle::TenantHandle;
use super::tenant_load::TenantLoads;
use super::tenant_setting::{SET_NO_TENANT, set_tenant};
use crate::domain::{TenantId, UsageLimits};

const DIRECTORY_POOL_SIZE: usize = 4;
/// How long closed connections get to send their Terminate message.
const TERMINATE_TIME: Duration = Duration::from_millis(20);

/// The pools of one database.
#[derive(Clone)]
pub struct Database {
    config: Config,
    router: Arc<Router>,
    login: Pool,
    sign_up: Pool,
    maintenance: Pool,
    relay: Pool,
    /// The limits of tenants for which an operator set nothing.
    limits: UsageLimits,
}

impl Database {
    /// Makes the pools, those of tenants with the given limits; nothing is connected yet.
    pub fn new(config: &Config, pools: PoolLimits) -> Self {
        let counters = Arc::<DbCounters>::default();
        Self {
            config: config.clone(),
            login: pool(config, roles::LOGIN, Shares::undivided(DIRECTORY_POOL_SIZE), &counters),
            sign_up: pool(config, roles::SIGN_UP, Shares::undivided(DIRECTORY_POOL_SIZE), &counters),
            maintenance: pool(config, roles::MAINTENANCE, Shares::undivided(1), &counters),
            relay: pool(&one_connection_to_each_node(config), roles::RELAY, Shares::undivided(2), &counters),
            router: Arc::new(Router::new(config, pools, counters)),
            limits: UsageLimits::default(),
        }
    }

    /// The same with limits for the tenants for which an operator set nothing. Without this call nothing is
    /// limited.
    #[must_use]
    pub fn with_limits(self, limits: UsageLimits) -> Self {
        Self { limits, ..self }
    }

    /// The limits of tenants for which an operator set nothing.
    pub fn limits(&self) -> UsageLimits {
        self.limits
    }

    /// The handle for one tenant's rows.
    pub fn tenant(&self, tenant: TenantId) -> TenantHandle {
        TenantHandle::new(Arc::clone(&self.router), tenant, self.limits)
    }

    /// The handle for a tenant that a client's token names. Its calls count as the tenant's load only after
    /// [`TenantHandle::confirmed`], so that invented numbers show in no statistics.
    pub fn claimed_tenant(&self, tenant: TenantId) -> TenantHandle {
        TenantHandle::of_claim(Arc::clone(&self.router), tenant, self.limits)
    }

    /// The statements and seconds of each tenant.
    pub fn loads(&self) -> &TenantLoads {
        &self.router.loads
    }

    /// The handle for the login directory.
    pub fn directory(&self) -> DirectoryHandle {
        DirectoryHandle { pool: self.login.clone() }
    }

    /// The handle that creates tenants and users.
    pub fn sign_up(&self) -> SignUpHandle {
        SignUpHandle { pool: self.sign_up.clone(), limits: self.limits }
    }

    /// Runs `work` as the role that removes expired rows of all tenants.
    pub(crate) async fn maintain<T>(
        &self,
        work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        with_connection(tokio::time::Instant::now() + CALL_DEADLINE, &self.maintenance, work).await
    }

    /// Runs `work` as the same role in a transaction that is bound to a tenant, or to none to find tenants.
    pub(crate) async fn maintain_tenant<T>(
        &self,
        tenant: Option<TenantId>,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let setting = tenant.map_or_else(|| SET_NO_TENANT.to_owned(), set_tenant);
        self.maintain(async |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(&setting).await?;
            let result = work(&transaction).await?;
            transaction.commit().await?;
            Ok(result)
        })
        .await
    }

    /// Runs `work` as the role that sees which tenants have due messages.
    pub(crate) async fn relay<T>(
        &self,
        work: impl AsyncFnOnce(&mut PooledConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        with_connection(tokio::time::Instant::now() + CALL_DEADLINE, &self.relay, work).await
    }

    /// Receives the notifications of `channel` from the coordinator until the future is dropped, and
    /// reconnects after a failure.
    pub(crate) async fn listen(&self, channel: &'static str, handle: impl Fn(ListenEvent)) {
        listen::listen(&self.config, channel, handle).await;
    }

    /// Refuses a schema that does not isolate the rows of each tenant.
    ///
    /// # Errors
    /// What is wrong with the schema or the role, in one sentence.
    pub async fn refuse_unsafe_schema(&self) -> Result<(), UnsafeSchema> {
        schema_check::check(self.router.coordinator()).await
    }

    /// What the login of tenants' connections may do beyond their role, in words; none when it can do
    /// nothing.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn overpowered_login(&self) -> Result<Option<String>, DbError> {
        logins::overpowered_login(self.router.coordinator()).await
    }

    /// Keeps the placements of shards up to date until the future is dropped, so that each tenant's
    /// statements go to the owning node. Without it the coordinator runs all statements.
    pub async fn route(&self) {
        self.router.request_refresh();
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

    /// How many of tenants' statements took each path since the start.
    pub fn routing(&self) -> Routing {
        self.router.counters().routing()
    }

    /// Calls to the database since the start: one round trip each, but for a connection's first use of a
    /// statement.
    pub fn calls(&self) -> u64 {
        self.router.counters().calls()
    }

    /// Failed calls since the start, by class of SQLSTATE, or as `timeout`, `pool_busy`, `unreachable` or
    /// `broken_off`.
    pub fn errors(&self) -> Vec<(&'static str, u64)> {
        self.router.counters().failures()
    }

    /// The applied migrations, in order.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn migrations(&self) -> Result<Vec<AppliedMigration>, DbError> {
        let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
        with_connection(deadline, self.router.coordinator(), async |client| migrate::applied(client).await)
            .await
    }

    /// Closes idle connections now, and those in use when their work ends. Every later call fails.
    pub async fn close(&self) {
        for pool in [&self.login, &self.sign_up, &self.maintenance, &self.relay] {
            checkout::close(pool);
        }
        self.router.close();
        // Connections send Terminate in tasks of their own. An embedded database that stops before that would
        // log an error for each.
        tokio::time::sleep(TERMINATE_TIME).await;
    }

    /// Sends a trivial query.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when there is no answer within a second.
    pub async fn ping(&self) -> Result<(), DbError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        with_connection(deadline, self.router.coordinator(), async |client| {
            Ok(client.batch_execute("SELECT 1").await?)
        })
        .await
    }
}

/// Citus would open a connection for each shard of a node; a query over all shards is not that urgent.
fn one_connection_to_each_node(config: &Config) -> Config {
    let mut config = config.clone();
    let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    config.options(format!("{given}-c citus.max_adaptive_executor_pool_size=1"));
    config
}

/// Finds accounts by user name or e-mail. Its role may read the login directory and the names of tenants, and
/// nothing else.
pub struct DirectoryHandle {
    pool: Pool,
}

impl DirectoryHandle {
    /// Runs one statement, which is prepared once on each connection.
    pub(crate) async fn rows<T: FromRow>(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<T>, DbError> {
        let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
        let rows = with_connection(deadline, &self.pool, async |client| {
            Ok(client.query(&client.prepare_cached(sql).await?, values).await?)
        })
        .await?;
        Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
    }
}

/// Creates tenants and users. Its role may do nothing else.
pub struct SignUpHandle {
    pool: Pool,
    limits: UsageLimits,
}

impl SignUpHandle {
    /// The limits of tenants for which an operator set nothing.
    pub(crate) fn limits(&self) -> UsageLimits {
        self.limits
    }

    /// Runs `work` in one transaction. The inner result is its answer: the transaction commits if it is Ok
    /// and rolls back otherwise. The outer error is a failure of the database.
    pub(crate) async fn transaction<T, E>(
        &self,
        work: impl AsyncFnOnce(&SignUpTransaction<'_>) -> Result<Result<T, E>, DbError>,
    ) -> Result<Result<T, E>, DbError> {
        let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
        with_connection(deadline, &self.pool, async |client| {
            let transaction = SignUpTransaction(client.transaction().await?);
            let answer = work(&transaction).await?;
            if answer.is_ok() {
                transaction.0.commit().await?;
            }
            Ok(answer)
        })
        .await
    }
}

/// A transaction of a sign-up.
pub(crate) struct SignUpTransaction<'a>(Transaction<'a>);

impl SignUpTransaction<'_> {
    /// Lets the statements that follow reach the rows of a tenant.
    pub(crate) async fn bind_tenant(&self, tenant: TenantId) -> Result<(), DbError> {
        Ok(self.0.batch_execute(&set_tenant(tenant)).await?)
    }

    /// Runs one statement without a result.
    pub(crate) async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), DbError> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, values).await.map(drop)?)
    }

    /// Runs one statement, which is prepared once on each connection.
    pub(crate) async fn rows<T: FromRow>(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<T>, DbError> {
        let statement = self.0.prepare_cached(sql).await?;
        let rows = self.0.query(&statement, values).await?;
        Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
    }
}
