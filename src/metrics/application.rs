//! The application as the console shows it: what was asked of it and how it answered, what it waits for, what
//! it was built from.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join3;
use serde::Serialize;

use super::history::Point;
use super::latency::Sum;
use super::process::{self, Process};
use crate::auth::HashQueue;
use crate::db::{AppliedMigration, PoolState, Routing};
use crate::messaging::Handled;
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
/// The stretch in which the rate of messages is counted, in minutes.
const RATE_MINUTES: u64 = 5;

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Application {
    /// What it was built from.
    pub build: Build,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// For how long it runs.
    pub uptime_seconds: u64,
    /// What the kernel says of it.
    pub process: Option<Process>,
    /// How far the requests below reach back, in minutes.
    pub minutes: u64,
    /// All requests.
    pub requests: Requests,
    /// The same by route, the busiest first; routes that nobody asked for are left out.
    pub routes: Vec<RouteLine>,
    /// The same as a series over time, the oldest first.
    pub series: Vec<Point>,
    /// Connections to the database by node.
    pub pools: Vec<PoolState>,
    /// How tenants' statements were sent since the start.
    pub routing: Routing,
    /// Failed calls of the database since the start, by class.
    pub database_errors: Vec<(&'static str, u64)>,
    /// The queue of password hashes.
    pub passwords: HashQueue,
    /// Sessions.
    pub sessions: Sessions,
    /// Messages.
    pub messages: Messages,
    /// The migrations that the database has had; none when it did not say.
    pub migrations: Option<Vec<AppliedMigration>>,
}

/// What a program was built from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit, when that was known (PIGEONHOLE_COMMIT in the environment of the build), else "unknown".
    pub commit: &'static str,
}

/// Requests of some stretch of time.
#[derive(Clone, Debug, Serialize)]
pub struct Requests {
    /// How many.
    pub requests: u64,
    /// The same for each second.
    pub per_second: f64,
    /// The median of the times, in milliseconds.
    pub p50: Option<f64>,
    /// What 99 of 100 requests did not exceed, in milliseconds.
    pub p99: Option<f64>,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and more.
    pub errors: u64,
}

/// Requests of one route.
#[derive(Clone, Debug, Serialize)]
pub struct RouteLine {
    /// GET (with HEAD), POST … or "other".
    pub method: &'static str,
    /// The pattern, or "other".
    pub route: &'static str,
    /// Its requests.
    #[serde(flatten)]
    pub requests: Requests,
}

/// Sessions.
#[derive(Clone, Debug, Serialize)]
pub struct Sessions {
    /// Found in the memory of this process since the start.
    pub cache_hits: u64,
    /// Looked up in the database since the start.
    pub cache_misses: u64,
    /// Those of all tenants that have not expired, as of a minute ago at most; none when the database did not
    /// say.
    pub alive: Option<i64>,
}

/// Messages.
#[derive(Clone, Debug, Serialize)]
pub struct Messages {
    /// What is not done, over all tenants, as of 15 seconds ago at most; none when the database did not say.
    pub backlog: Option<Unfinished>,
    /// The age of the oldest message that waits.
    pub oldest_seconds: Option<f64>,
    /// What this process did since its start.
    pub handled: Handled,
    /// Messages that this process did for each minute, over the last five.
    pub per_minute: f64,
}

/// Looks, with requests reaching back as far as `since`, a day at most. It takes a second at most.
pub async fn look(context: &Context, since: Duration) -> Application {
    let asked = ask_database(context).await;
    super::note_minute(context);
    let metrics = &context.metrics;
    let minutes = since.as_secs().div_ceil(60).clamp(1, 24 * 60);
    let window = metrics.history.window(minutes);
    let recent = metrics.history.window(RATE_MINUTES);
    let (cache_hits, cache_misses) = context.sessions.hits_and_misses();
    let done: u64 = recent.points.iter().map(|point| point.messages).sum();
    let rows = metrics.requests.rows().iter().zip(&window.routes).filter(|(_, sum)| sum.requests() > 0);
    let mut routes: Vec<RouteLine> = rows
        .map(|(row, sum)| RouteLine {
            method: row.method,
            route: row.path,
            requests: requests(sum, window.seconds),
        })
        .collect();
    routes.sort_by_key(|line| std::cmp::Reverse(line.requests.requests));
    Application {
        build: BUILD,
        started_at: metrics.started_at,
        uptime_seconds: metrics.started.elapsed().as_secs(),
        process: process::look(),
        minutes,
        requests: requests(&window.all, window.seconds),
        routes,
        series: window.points,
        pools: context.database.pools(),
        routing: context.database.routing(),
        database_errors: context.database.errors(),
        passwords: context.hasher.queue(),
        sessions: Sessions { cache_hits, cache_misses, alive: asked.sessions },
        messages: Messages {
            oldest_seconds: asked.outbox.as_ref().and_then(Unfinished::age_seconds),
            backlog: asked.outbox,
            handled: context.messenger.handled(),
            per_minute: done as f64 * 60.0 / recent.seconds as f64,
        },
        migrations: asked.migrations,
    }
}

fn requests(sum: &Sum, seconds: u64) -> Requests {
    Requests {
        requests: sum.requests(),
        per_second: sum.requests() as f64 / seconds as f64,
        p50: sum.quantile(0.5),
        p99: sum.quantile(0.99),
        client_errors: sum.client_errors,
        errors: sum.errors,
    }
}

/// What is not done of the messages of all tenants, as of 15 seconds ago at most; none when the database did
/// not say.
pub async fn unfinished(context: &Context) -> Option<Unfinished> {
    context.metrics.outbox.get(store::unfinished_messages(&context.database)).await
}

/// What only the database knows, each as far as it said so in time.
pub(super) struct Asked {
    pub(super) outbox: Option<Unfinished>,
    pub(super) sessions: Option<i64>,
    pub(super) migrations: Option<Vec<AppliedMigration>>,
}

/// Asks at the same time for all of it that is too old.
pub(super) async fn ask_database(context: &Context) -> Asked {
    let (metrics, database) = (&context.metrics, &context.database);
    let (outbox, sessions, migrations) = join3(
        metrics.outbox.get(store::unfinished_messages(database)),
        metrics.sessions.get(store::count_sessions(database)),
        metrics.migrations.get(database.migrations()),
    )
    .await;
    Asked { outbox, sessions, migrations }
}
