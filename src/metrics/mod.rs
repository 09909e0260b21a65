//! The process' own numbers: requests as the edge sees them, pools, routing, passwords, sessions, messages.
//! The parts of the program count for themselves, in plain atomic numbers; here they are put together, as
//! text for Prometheus ([`scrape`]), as what the console shows ([`look`]), and as the history of a day.
//! Nothing here is a global: one [`Metrics`] is part of the shared state. What is about other nodes is not
//! here but in the console.

mod application;
mod cached;
mod history;
mod latency;
mod names;
mod process;
mod prometheus_text;
mod requests;
mod scrape;

pub use application::{Application, Build, Messages, Requests, RouteLine, Sessions, look, unfinished};
pub use history::Point;
pub use names::{ADDED_BY_THE_CONSOLE, Kind, NAMES};
pub use process::Process;
pub use prometheus_text::Lines;
pub use scrape::scrape;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use chrono::{DateTime, Utc};

use crate::db::AppliedMigration;
use crate::store::Unfinished;
use crate::web::Context;
use cached::Kept;
use history::{Gauge, History};

/// How often what was counted is put in order; the recorder keeps each time of each request until then.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How old the numbers grow that come from the database.
const OUTBOX_LIFE: Duration = Duration::from_secs(15);
const SESSIONS_LIFE: Duration = Duration::from_secs(60);

/// The numbers of this process that no other part keeps.
pub struct Metrics {
    requests: requests::Requests,
    history: History,
    started: Instant,
    started_at: DateTime<Utc>,
    outbox: Kept<Unfinished>,
    sessions: Kept<i64>,
    migrations: Kept<Vec<AppliedMigration>>,
    pool_waits: AtomicU64,
    messages_done: AtomicU64,
}

impl Metrics {
    /// Nothing counted yet, for the routes given as method and path. The database is waited for as long as
    /// `patience`.
    pub fn new(routes: impl IntoIterator<Item = (&'static str, &'static str)>, patience: Duration) -> Self {
        let (started, started_at) = (Instant::now(), Utc::now());
        let seconds = u64::try_from(started_at.timestamp()).unwrap_or_default();
        let requests = requests::Requests::new(routes);
        // From the start on by the clock that nobody sets.
        let history =
            History::new(requests.rows().len(), Box::new(move || seconds + started.elapsed().as_secs()));
        Self {
            requests,
            history,
            started,
            started_at,
            outbox: Kept::for_a(OUTBOX_LIFE, patience),
            sessions: Kept::for_a(SESSIONS_LIFE, patience),
            migrations: Kept::for_a(OUTBOX_LIFE, patience),
            pool_waits: AtomicU64::default(),
            messages_done: AtomicU64::default(),
        }
    }

    /// Counts a request that was answered. `route` is the pattern under which its path was found.
    pub fn answered(&self, route: Option<&'static str>, method: &Method, status: StatusCode, took: Duration) {
        let row = self.requests.record(route, method, status, took);
        self.history.record(row, status.as_u16(), took);
    }

    /// Counts a request of which only the path is left: a handler panicked, or who asked went away.
    pub fn lost(&self, path: &str, method: &Method, status: StatusCode, took: Duration) {
        self.answered(self.requests.pattern_of(path), method, status, took);
    }
}

/// Puts in order what was counted, until the future is dropped.
pub async fn keep_up(context: &Context) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        context.metrics.requests.handle().run_upkeep();
        note_minute(context);
    }
}

/// Notes in the running minute what other parts have counted since the last time.
fn note_minute(context: &Context) {
    let metrics = &context.metrics;
    let waits = context.database.pools().iter().map(|pool| pool.waits).sum::<u64>();
    // The pool of a node that was removed takes its number with it.
    metrics.history.note(Gauge::PoolWaits, waits.saturating_sub(metrics.pool_waits.swap(waits, Relaxed)));
    let done = context.messenger.handled().acknowledged;
    metrics.history.note(Gauge::MessagesDone, done.saturating_sub(metrics.messages_done.swap(done, Relaxed)));
    metrics.history.note(Gauge::HashesWaiting, context.hasher.take_most_waiting());
}
