//! The numbers of the application beside the console: its requests, its waits, its messages, its build.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join3;
use serde::Serialize;

use crate::auth::HashQueue;
use crate::db::{AppliedMigration, Database, PoolState, Routing};
use crate::messaging::MessageCounts;
use crate::metrics::{Cached, LatencyHistogram, Metrics, Point, Process, Window};
use crate::store::{self, Unfinished};
use crate::web::Context;

/// What this program was built from.
pub(super) const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: match option_env!("PIGEONHOLE_COMMIT") {
        Some(commit) => commit,
        None => "unknown",
    },
};
/// The minutes over which the rate of messages is averaged.
const RATE_MINUTES: u64 = 5;

/// How old a count of the outbox may be.
pub(super) const OUTBOX_LIFETIME: Duration = Duration::from_secs(15);
/// Sessions are counted on every shard, so less often.
const SESSIONS_LIFETIME: Duration = Duration::from_secs(60);

/// All numbers of the application.
#[derive(Clone, Debug, Serialize)]
pub struct Application {
    pub build: Build,
    pub started_at: DateTime<Utc>,
    pub uptime_seconds: u64,
    pub process: Option<Process>,
    /// The length of the time that the requests below cover.
    pub minutes: u64,
    /// All requests.
    pub requests: RequestSummary,
    /// By route, the busiest first; routes without requests are left out.
    pub routes: Vec<RouteSummary>,
    /// Over time, the oldest first.
    pub series: Vec<Point>,
    pub pools: Vec<PoolState>,
    pub routing: Routing,
    /// Failed database calls since the start, by class of SQLSTATE.
    pub database_errors: Vec<(&'static str, u64)>,
    pub passwords: HashQueue,
    pub sessions: SessionSummary,
    pub messages: MessageSummary,
    /// `None` when the database did not answer.
    pub migrations: Option<Vec<AppliedMigration>>,
}

/// What a program was built from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Build {
    pub version: &'static str,
    /// `PIGEONHOLE_COMMIT` in the environment of the build, or "unknown".
    pub commit: &'static str,
}

/// Requests of some time.
#[derive(Clone, Debug, Serialize)]
pub struct RequestSummary {
    pub requests: u64,
    pub per_second: f64,
    /// The median latency in milliseconds.
    pub p50: Option<f64>,
    /// The 99th percentile in milliseconds.
    pub p99: Option<f64>,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and more.
    pub errors: u64,
}

/// Requests of one route.
#[derive(Clone, Debug, Serialize)]
pub struct RouteSummary {
    /// GET (with HEAD), POST … or "other".
    pub method: &'static str,
    /// The path pattern, or "other".
    pub route: &'static str,
    #[serde(flatten)]
    pub requests: RequestSummary,
}

/// Login sessions.
#[derive(Clone, Debug, Serialize)]
pub struct SessionSummary {
    /// Found in the memory of this process since the start.
    pub cache_hits: u64,
    /// Read from the database since the start.
    pub cache_misses: u64,
    /// Sessions of all tenants that have not expired, counted a minute ago at most; `None` when the database
    /// did not answer.
    pub alive: Option<i64>,
}

/// Messages of the outbox.
#[derive(Clone, Debug, Serialize)]
pub struct MessageSummary {
    /// Unfinished messages of all tenants, counted 15 seconds ago at most; `None` when the database did not
    /// answer.
    pub backlog: Option<Unfinished>,
    /// The age of the oldest message that waits.
    pub oldest_seconds: Option<f64>,
    /// What this process did since its start.
    pub handled: MessageCounts,
    /// Messages that this process finished each minute, over the last five.
    pub per_minute: f64,
}

impl Application {
    /// Reads all numbers, with the requests of the last `since`, a day at most. It takes as long as the
    /// timeout of the figures at most.
    pub async fn read(context: &Context, figures: &DatabaseFigures, since: Duration) -> Self {
        let (outbox, sessions, migrations) = figures.read(&context.services.database).await;
        let metrics = &context.metrics;
        metrics.update_minute(
            &context.services.database,
            &context.services.notifier,
            &context.services.hasher,
        );
        let minutes = since.as_secs().div_ceil(60).clamp(1, 24 * 60);
        let window = metrics.window(minutes);
        let (cache_hits, cache_misses) = context.services.session_cache.hits_and_misses();
        Self {
            build: BUILD,
            started_at: metrics.uptime.started_at,
            uptime_seconds: metrics.uptime.elapsed().as_secs(),
            process: Process::read(),
            minutes,
            requests: RequestSummary::of(&window.all, window.seconds),
            routes: by_route(metrics, &window),
            series: window.points,
            pools: context.services.database.pools(),
            routing: context.services.database.routing(),
            database_errors: context.services.database.errors(),
            passwords: context.services.hasher.queue(),
            sessions: SessionSummary { cache_hits, cache_misses, alive: sessions },
            messages: MessageSummary {
                oldest_seconds: outbox.as_ref().and_then(Unfinished::age_seconds),
                backlog: outbox,
                handled: context.services.notifier.counts(),
                per_minute: messages_per_minute(metrics),
            },
            migrations,
        }
    }
}

fn by_route(metrics: &Metrics, window: &Window) -> Vec<RouteSummary> {
    let used = metrics.routes().zip(&window.routes).filter(|(_, latencies)| latencies.requests() > 0);
    let mut routes: Vec<RouteSummary> = used
        .map(|((method, route), latencies)| RouteSummary {
            method,
            route,
            requests: RequestSummary::of(latencies, window.seconds),
        })
        .collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.requests.requests));
    routes
}

fn messages_per_minute(metrics: &Metrics) -> f64 {
    let recent = metrics.window(RATE_MINUTES);
    let done: u64 = recent.points.iter().map(|point| point.messages).sum();
    done as f64 * 60.0 / recent.seconds as f64
}

impl RequestSummary {
    fn of(latencies: &LatencyHistogram, seconds: u64) -> Self {
        Self {
            requests: latencies.requests(),
            per_second: latencies.requests() as f64 / seconds as f64,
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
            client_errors: latencies.client_errors,
            errors: latencies.errors,
        }
    }
}

/// Numbers that only the database has, each `None` when the database did not answer within the timeout.
pub struct DatabaseFigures {
    outbox: Cached<Unfinished>,
    sessions: Cached<i64>,
    migrations: Cached<Vec<AppliedMigration>>,
}

impl DatabaseFigures {
    /// Nothing read yet. Each read waits for the database as long as `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            outbox: Cached::new(OUTBOX_LIFETIME, timeout),
            sessions: Cached::new(SESSIONS_LIFETIME, timeout),
            migrations: Cached::new(OUTBOX_LIFETIME, timeout),
        }
    }

    /// Unfinished messages of all tenants.
    pub async fn outbox(&self, database: &Database) -> Option<Unfinished> {
        self.outbox.get(store::unfinished_messages(database)).await
    }

    /// Sessions of all tenants that have not expired.
    pub async fn sessions(&self, database: &Database) -> Option<i64> {
        self.sessions.get(store::count_sessions(database)).await
    }

    async fn read(
        &self,
        database: &Database,
    ) -> (Option<Unfinished>, Option<i64>, Option<Vec<AppliedMigration>>) {
        let migrations = self.migrations.get(database.migrations());
        join3(self.outbox(database), self.sessions(database), migrations).await
    }
}
