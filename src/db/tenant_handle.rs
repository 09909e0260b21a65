//! The handle for one tenant's rows. A call is one transaction in one pipelined round trip: BEGIN, SET LOCAL
//! of the tenant, the prepared statements and COMMIT leave together. So a caller that is cancelled leaves no
//! transaction open, and row-level security hides the rows of other tenants from every statement.
//!
//! The calls on this handle are in `store`: notes.rs, new_notes.rs, note_access.rs, edits.rs, revisions.rs,
//! search.rs, overview.rs (notes); shares.rs, recipients.rs, inbox.rs (sharing); users.rs, members.rs,
//! invitations.rs, sessions.rs, tenants.rs (people); outbox.rs, idempotency.rs, transfer.rs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::checkout::with_connection_for;
use super::connection::{Pool, PooledConnection};
use super::counters::StatementPath;
use super::error::{DbError, causes};
use super::router::Router;
use super::row::DbRow;
use super::shard_reads::{self, TenantTables};
use super::shard_writes;
use super::statement::{BoundStatement, Steps};
use super::tenant_setting::set_tenant;
use super::time_budget::TimeBudget;
use super::topology::ShardPlacement;
use super::transaction;
use super::turns::{Claim, Weight};
use crate::domain::{TenantId, UsageLimits};

/// The pauses before a transaction is retried after a conflict with another. Jitter keeps the two from
/// meeting again.
const CONFLICT_BACKOFF: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(5)).with_max_times(3).with_jitter();
/// On the owning node Citus 13.2.2 and 14.0.1 keep one more plan for each execution of a generic plan, until
/// the node is out of memory (Citus pull request 8824). A custom plan is used once.
const CUSTOM_PLAN: &str = "; SET LOCAL plan_cache_mode = force_custom_plan";

/// How long a transaction may take: our deadline, and the server's settings, which are shorter.
#[derive(Clone, Copy)]
struct Limits {
    deadline: Instant,
    settings: &'static str,
}

/// How a node runs a transaction.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// On the tables of a shard.
    Shard(&'a ShardPlacement),
    /// Through Citus, or on plain PostgreSQL, with a setting for plans.
    Citus { plan: &'a str },
}

/// For the few statements whose work grows with the number of a tenant's users.
const LONG_TIMEOUT: &str = "; SET LOCAL statement_timeout = '60s'";
const LONG_DEADLINE: Duration = Duration::from_secs(65);

/// The only way to the rows of a tenant, and only of that tenant.
#[derive(Clone)]
pub struct TenantHandle {
    router: Arc<Router>,
    tenant: TenantId,
    budget: TimeBudget,
    usage_limits: UsageLimits,
    /// The load of a tenant that a client only named; none once the tenant is known to exist.
    claimed: Option<Arc<ClaimedLoad>>,
}

/// The load of calls whose tenant may not exist: a client can write any number into a token.
#[derive(Default)]
struct ClaimedLoad {
    statements: AtomicU64,
    micros: AtomicU64,
}

impl TenantHandle {
    pub(super) fn new(router: Arc<Router>, tenant: TenantId, usage_limits: UsageLimits) -> Self {
        Self { router, tenant, budget: TimeBudget::default(), usage_limits, claimed: None }
    }

    pub(super) fn of_claim(router: Arc<Router>, tenant: TenantId, usage_limits: UsageLimits) -> Self {
        Self { claimed: Some(Arc::default()), ..Self::new(router, tenant, usage_limits) }
    }

    /// The limits that hold where an operator set nothing for this tenant.
    pub(crate) fn default_limits(&self) -> UsageLimits {
        self.usage_limits
    }

    /// The handle after a row of the tenant was found: its calls so far and from now on count as the tenant's
    /// load.
    #[must_use]
    pub fn confirmed(mut self) -> Self {
        if let Some(load) = self.claimed.take() {
            let statements = load.statements.load(Ordering::Relaxed);
            let time = Duration::from_micros(load.micros.load(Ordering::Relaxed));
            if statements > 0 {
                self.router.loads.count(self.tenant, statements, time);
            }
        }
        self
    }

    /// The tenant whose rows this handle reaches.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Runs work that keeps a processor busy for milliseconds on another thread, when it is the tenant's
    /// turn.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] when it does not come in time.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DbError> {
        self.router.computations.run(self.tenant, work).await
    }

    /// Runs the steps in one transaction: all of them take effect or none. After a connection failure it is
    /// unknown which; only steps that all read are then sent once more.
    pub(crate) async fn transaction<S: Steps>(&self, steps: S) -> Result<S::Output, DbError> {
        let mut statements = Vec::new();
        steps.statements(&mut statements);
        let results =
            self.timed(statements.len(), async |limits| self.on_any_node(limits, &statements).await).await?;
        drop(statements);
        Ok(steps.read(&mut results.into_iter()))
    }

    /// The same for work that no request waits for. A statement that the server cancels at the usual timeout
    /// gets a minute: that server works, so a frozen server never blocks a caller for so long.
    pub(crate) async fn long_transaction<S: Steps>(&self, steps: S) -> Result<S::Output, DbError> {
        let mut statements = Vec::new();
        steps.statements(&mut statements);
        let timed = self.timed(statements.len(), async |limits| self.on_any_node(limits, &statements).await);
        let results = match timed.await {
            Err(error) if error.is_statement_timeout() => {
                log::debug!("tenant {}: a statement takes longer than usual and gets a minute", self.tenant);
                let limits = Limits { deadline: Instant::now() + LONG_DEADLINE, settings: LONG_TIMEOUT };
                self.on_any_node(limits, &statements).await?
            }
            result => result?,
        };
        drop(statements);
        Ok(steps.read(&mut results.into_iter()))
    }

    /// Runs the steps, which all read, in one message on the tables that hold the tenant's rows: there a step
    /// may read for the user of a session that an earlier step finds ([`super::Viewer::OfSession`]). None
    /// when these tables are not known, or not at hand.
    pub(crate) async fn in_message<S: Steps>(&self, steps: S) -> Result<Option<S::Output>, DbError> {
        let mut statements = Vec::new();
        steps.statements(&mut statements);
        let results = self
            .timed(statements.len(), async |limits| {
                let (tables, pool) = match self.router.placement_of(self.tenant) {
                    Some((placement, pool)) => (TenantTables::Sharded(placement), pool),
                    None if self.router.is_plain() => {
                        (TenantTables::Whole, self.router.coordinator().clone())
                    }
                    None => return Ok(None),
                };
                match self.in_one_message(&tables, &pool, limits, &statements).await {
                    // The coordinator may know better.
                    Err(error) if error.is_node_failure() && Instant::now() < limits.deadline => {
                        self.router.request_refresh();
                        Ok(None)
                    }
                    result => result,
                }
            })
            .await?;
        drop(statements);
        Ok(results.map(|results| steps.read(&mut results.into_iter())))
    }

    /// Runs work within the time that is left, and counts that time for a number of statements.
    async fn timed<T>(
        &self,
        statements: usize,
        work: impl AsyncFnOnce(Limits) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let started = Instant::now();
        let limits = Limits { deadline: started + self.budget.left(), settings: "" };
        let result = work(limits).await;
        let time = started.elapsed();
        self.budget.spend(time);
        self.count_load(statements as u64, time);
        result
    }

    fn count_load(&self, statements: u64, time: Duration) {
        let Some(claimed) = &self.claimed else {
            return self.router.loads.count(self.tenant, statements, time);
        };
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        claimed.statements.fetch_add(statements, Ordering::Relaxed);
        claimed.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Runs the statements on the owning node, or on the coordinator if that node fails or is unknown.
    async fn on_any_node(
        &self,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
    ) -> Result<Vec<Vec<DbRow>>, DbError> {
        let coordinator = self.router.coordinator();
        let Some((placement, pool)) = self.router.placement_of(self.tenant) else {
            if self.router.is_plain()
                && let Some(results) =
                    self.in_one_message(&TenantTables::Whole, coordinator, limits, statements).await?
            {
                return Ok(results);
            }
            self.router.counters().count_path(StatementPath::Coordinator);
            return self.on_node(coordinator, limits, statements, "").await;
        };
        match self.on_owning_node(&placement, &pool, limits, statements).await {
            Err(error) if error.is_node_failure() => {
                self.router.request_refresh();
                let may_run_twice = matches!(error, DbError::Unreachable(_))
                    || statements.iter().all(|bound| bound.statement.is_read());
                if !may_run_twice || placement.group == 0 {
                    return Err(error);
                }
                self.router.counters().count_path(StatementPath::Fallback);
                self.on_node(coordinator, limits, statements, "").await
            }
            result => result,
        }
    }

    /// Runs the statements on the node that should hold the shard: on the shard's own tables, and through
    /// Citus where that cannot be.
    async fn on_owning_node(
        &self,
        placement: &ShardPlacement,
        pool: &Pool,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
    ) -> Result<Vec<Vec<DbRow>>, DbError> {
        let tables = TenantTables::Sharded(placement.clone());
        if let Some(results) = self.in_one_message(&tables, pool, limits, statements).await? {
            return Ok(results);
        }
        if let Some(results) = self.on_shard(placement, pool, limits, statements).await? {
            return Ok(results);
        }
        self.router.counters().count_path(StatementPath::Node);
        let leaves_plans = statements.iter().any(|bound| bound.statement.leaves_plans());
        self.on_node(pool, limits, statements, if leaves_plans { CUSTOM_PLAN } else { "" }).await
    }

    /// Runs statements that read in one message on the tables that hold the rows; none when they do more than
    /// read, need other settings, or when the rows are not there.
    async fn in_one_message(
        &self,
        tables: &TenantTables,
        pool: &Pool,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
    ) -> Result<Option<Vec<Vec<DbRow>>>, DbError> {
        if !limits.settings.is_empty() {
            return Ok(None);
        }
        let Some(arguments) = shard_reads::arguments(self.tenant, statements) else { return Ok(None) };
        let path = match tables {
            TenantTables::Whole => StatementPath::Coordinator,
            TenantTables::Sharded(_) => StatementPath::Shard,
        };
        let read = with_connection_for(self.claim(statements), limits.deadline, pool, async |client| {
            shard_reads::read(client, tables, self.tenant, statements, &arguments).await
        });
        self.of_own_tables(path, read.await)
    }

    /// Runs statements that write on the shard's own tables; none when they change other tables too, or when
    /// the shard is not on that node. Nothing has changed then.
    async fn on_shard(
        &self,
        placement: &ShardPlacement,
        pool: &Pool,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
    ) -> Result<Option<Vec<Vec<DbRow>>>, DbError> {
        let all_read = statements.iter().all(|bound| bound.statement.is_read());
        if all_read || !shard_writes::are_of_shard(placement, statements) {
            return Ok(None);
        }
        let written = self.with_retries(pool, limits, statements, Way::Shard(placement)).await;
        self.of_own_tables(StatementPath::Shard, written)
    }

    /// What statements on the tables that hold the rows gave; none when the rows are not there, or for a
    /// fault that another way may not have.
    fn of_own_tables<T>(
        &self,
        path: StatementPath,
        result: Result<Option<T>, DbError>,
    ) -> Result<Option<T>, DbError> {
        match result {
            Ok(Some(results)) => {
                self.router.counters().count_path(path);
                return Ok(Some(results));
            }
            // A statement that refuses to go on means it.
            Err(error) if !matches!(error, DbError::Fault(_)) || error.is_division_by_zero() => {
                return Err(error);
            }
            Ok(None) => log::debug!("the tenant's own tables could not be used: not on that node"),
            Err(error) => log::debug!("the tenant's own tables could not be used: {}", causes(&error)),
        }
        if matches!(path, StatementPath::Shard) {
            self.router.counters().count_path(StatementPath::Moved);
        }
        self.router.request_refresh();
        Ok(None)
    }

    /// Runs the statements on one node.
    async fn on_node(
        &self,
        pool: &Pool,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
        plan: &str,
    ) -> Result<Vec<Vec<DbRow>>, DbError> {
        let results = self.with_retries(pool, limits, statements, Way::Citus { plan }).await?;
        Ok(results.unwrap_or_default())
    }

    /// Runs a transaction, and retries it after a conflict with another one; none when it should run on a
    /// shard that is not on the node.
    async fn with_retries(
        &self,
        pool: &Pool,
        limits: Limits,
        statements: &[&BoundStatement<'_>],
        way: Way<'_>,
    ) -> Result<Option<Vec<Vec<DbRow>>>, DbError> {
        let claim = self.claim(statements);
        let mut pauses = CONFLICT_BACKOFF.build();
        loop {
            let attempt = with_connection_for(claim, limits.deadline, pool, async |client| match way {
                Way::Shard(placement) => {
                    shard_writes::write(client, placement, self.tenant, statements, limits.settings).await
                }
                Way::Citus { plan } => {
                    self.attempt(client, statements, [plan, limits.settings]).await.map(Some)
                }
            });
            match attempt.await {
                Err(DbError::Repeat(error)) => {
                    let Some(pause) = pauses.next() else {
                        return Err(DbError::Unavailable(Some(error.into())));
                    };
                    log::debug!("retrying a transaction: {error}");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
    }

    /// A transaction with a heavy statement is heavy.
    fn claim(&self, statements: &[&BoundStatement<'_>]) -> Claim {
        let is_heavy = statements.iter().any(|bound| bound.statement.weight() == Weight::Heavy);
        Claim::of_tenant(self.tenant, if is_heavy { Weight::Heavy } else { Weight::Light })
    }

    async fn attempt(
        &self,
        client: &PooledConnection,
        statements: &[&BoundStatement<'_>],
        [plan, limits]: [&str; 2],
    ) -> Result<Vec<Vec<DbRow>>, DbError> {
        let prepared =
            try_join_all(statements.iter().map(|bound| client.prepare_cached(bound.statement.sql()))).await?;
        let opening = format!("BEGIN; {}{plan}{limits}", set_tenant(self.tenant));
        Ok(transaction::run(client, &opening, self.tenant, &prepared, statements).await?)
    }
}
