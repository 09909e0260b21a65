//! One tenant's door to the database. A call is one transaction in one pipelined round trip: BEGIN, SET LOCAL
//! of the tenant, the prepared statements and COMMIT leave together, so an asker that goes away in the middle
//! leaves no transaction open, and a statement that forgets its tenant sees nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join_all, join3, try_join_all};
use tokio::time::Instant;

use super::checkout::{CALL_DEADLINE, with_connection};
use super::connection::{Object, Pool};
use super::counters::StatementPath;
use super::error::DbError;
use super::router::Router;
use super::row::Row;
use super::shard_reads;
use super::statement::{Statement, Step};
use super::topology::ShardPlacement;
use super::value::Value;
use crate::domain::TenantId;

const REPEATS: u32 = 3;
/// On the node that holds the shard Citus 13.2.2 and 14.0.1 add a plan to those that they keep at each
/// execution of a prepared statement's general plan, until the node is out of memory (citus pull request
/// 8824). A plan for the given values is used once.
const ONE_PLAN: &str = "; SET LOCAL plan_cache_mode = force_custom_plan";

/// How long a transaction may take: its settings at the server, in front of which our own clock must not
/// strike.
#[derive(Clone, Copy)]
struct Limits {
    deadline: Instant,
    settings: &'static str,
}

/// For the few statements whose work grows with the people of a tenant.
const PATIENTLY: &str = "; SET LOCAL statement_timeout = '60s'";
const PATIENT_DEADLINE: Duration = Duration::from_secs(65);

/// The only way to the rows of a tenant, and only of that tenant. What it can do is written in `store`.
#[derive(Clone)]
pub struct TenantHandle {
    router: Arc<Router>,
    tenant: TenantId,
    budget: TimeBudget,
}

/// The time that a handle may spend waiting for the database, over all its calls: a request that makes two
/// slow ones is answered as soon as one that makes a single one.
#[derive(Clone, Default)]
struct TimeBudget {
    spent_micros: Arc<AtomicU64>,
}

impl TimeBudget {
    fn left(&self) -> Duration {
        CALL_DEADLINE.saturating_sub(Duration::from_micros(self.spent_micros.load(Ordering::Relaxed)))
    }

    fn spend(&self, time: Duration) {
        self.spent_micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl TenantHandle {
    pub(super) fn new(router: Arc<Router>, tenant: TenantId) -> Self {
        Self { router, tenant, budget: TimeBudget::default() }
    }

    /// The tenant whose rows this handle reaches.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Runs one statement in a transaction of its own.
    pub(crate) async fn rows(
        &self,
        statement: &'static Statement,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, DbError> {
        let mut results = self.transaction(&[Step { statement, values }]).await?;
        Ok(results.pop().unwrap_or_default())
    }

    /// Runs one statement that gives a row at most.
    pub(crate) async fn row(
        &self,
        statement: &'static Statement,
        values: &[&dyn Value],
    ) -> Result<Option<Row>, DbError> {
        Ok(self.rows(statement, values).await?.pop())
    }

    /// Runs the steps in one transaction and gives the rows of each. Either all of them took effect or none;
    /// after an error of the connection it is unknown which, and only what just reads is asked once more.
    pub(crate) async fn transaction(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let started = Instant::now();
        let limits = Limits { deadline: started + self.budget.left(), settings: "" };
        let result = self.on_owner_or_coordinator(limits, steps).await;
        let time = started.elapsed();
        self.budget.spend(time);
        self.router.loads.count(self.tenant, steps.len(), time);
        result
    }

    /// The same for work that nobody waits for. Only when the server has cut a statement off at the usual
    /// limit does it get a minute: that server is alive, and one that is not never holds anybody for so long.
    pub(crate) async fn patient_transaction(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        match self.transaction(steps).await {
            Err(error) if error.is_statement_timeout() => {
                log::debug!("tenant {}: a statement takes longer than usual and gets a minute", self.tenant);
                let limits = Limits { deadline: Instant::now() + PATIENT_DEADLINE, settings: PATIENTLY };
                self.on_owner_or_coordinator(limits, steps).await
            }
            result => result,
        }
    }

    async fn on_owner_or_coordinator(
        &self,
        limits: Limits,
        steps: &[Step<'_>],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        let coordinator = self.router.coordinator();
        let Some((placement, pool)) = self.router.placement_of(self.tenant) else {
            self.router.counters().count_path(StatementPath::Coordinator);
            return self.on(coordinator, limits, steps, "").await;
        };
        match self.on_owner(&placement, &pool, limits, steps).await {
            Err(error) if error.is_node_failure() => {
                self.router.request_refresh();
                let harmless = matches!(error, DbError::Unreachable(_))
                    || steps.iter().all(|step| step.statement.only_reads());
                if !harmless || placement.group == 0 {
                    return Err(error);
                }
                self.router.counters().count_path(StatementPath::Fallback);
                self.on(coordinator, limits, steps, "").await
            }
            result => result,
        }
    }

    /// Runs the steps on the node that should hold the shard: on the shard itself where that is possible.
    async fn on_owner(
        &self,
        placement: &ShardPlacement,
        pool: &Pool,
        limits: Limits,
        steps: &[Step<'_>],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        if let Some(values) = shard_reads::written(steps) {
            match with_connection(limits.deadline, pool, async |client| {
                shard_reads::read(client, placement, self.tenant, steps, &values).await
            })
            .await
            {
                Ok(Some(results)) => {
                    self.router.counters().count_path(StatementPath::Shard);
                    return Ok(results);
                }
                Err(error) if !matches!(error, DbError::Fault(_)) => return Err(error),
                Ok(None) => {}
                Err(error) => log::debug!("a shard could not be read by itself: {error:?}"),
            }
            self.router.counters().count_path(StatementPath::Moved);
            self.router.request_refresh();
        }
        self.router.counters().count_path(StatementPath::Node);
        let plan = if steps.iter().all(|step| step.statement.keeps_no_plan) { "" } else { ONE_PLAN };
        self.on(pool, limits, steps, plan).await
    }

    /// Runs the steps on one node, again when they met another transaction.
    async fn on(
        &self,
        pool: &Pool,
        limits: Limits,
        steps: &[Step<'_>],
        plan: &str,
    ) -> Result<Vec<Vec<Row>>, DbError> {
        let mut repeats = 0;
        loop {
            match with_connection(limits.deadline, pool, async |client| {
                self.attempt(client, steps, [plan, limits.settings]).await
            })
            .await
            {
                Err(DbError::Repeat(error)) if repeats < REPEATS => {
                    repeats += 1;
                    log::debug!("repeating a transaction: {error}");
                    tokio::time::sleep(Duration::from_millis(5 * u64::from(repeats) + u64::from(jitter())))
                        .await;
                }
                Err(DbError::Repeat(error)) => return Err(DbError::Unavailable(Some(error.into()))),
                result => return result,
            }
        }
    }

    async fn attempt(
        &self,
        client: &Object,
        steps: &[Step<'_>],
        [plan, limits]: [&str; 2],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        let prepared =
            try_join_all(steps.iter().map(|step| client.prepare_cached(step.statement.sql))).await?;
        let opening = format!("BEGIN; SET LOCAL app.tenant_id = '{}'{plan}{limits}", self.tenant);
        let bound: Vec<Vec<_>> =
            steps.iter().map(|step| step.values.iter().map(|value| value.bound()).collect()).collect();
        let queries = prepared.iter().zip(&bound).map(|(statement, values)| client.query(statement, values));
        // The first poll of each future puts its messages on the wire, in this order, before any answer is
        // awaited.
        let (opened, results, committed) =
            join3(client.batch_execute(&opening), join_all(queries), client.batch_execute("COMMIT")).await;
        opened?;
        let results = results.into_iter().collect::<Result<Vec<_>, _>>()?;
        committed?;
        Ok(results.into_iter().map(|rows| rows.into_iter().map(Row::Binary).collect()).collect())
    }
}

/// 0 to 15 milliseconds, so that two that met do not meet again.
fn jitter() -> u8 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    byte[0] & 15
}
