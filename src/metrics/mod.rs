//! The process's own numbers: HTTP requests by route, latencies, and a history of one day by minute. Other
//! parts of the program (pools, routing, password hashes, messages) count for themselves in plain atomic
//! numbers; the console reads them for its page and for Prometheus.
//!
//! Nothing here is a global: one [`Metrics`] is part of the application's shared state. Numbers of database
//! nodes belong to the console.

mod cached;
mod history;
mod latency;
mod names;
mod process;
mod prometheus_text;
mod requests;

pub use cached::Cached;
pub use history::{Point, Window};
pub use latency::LatencyHistogram;
pub use names::{ADDED_BY_THE_CONSOLE, MetricKind, NAMES};
pub use process::Process;
pub use prometheus_text::PrometheusText;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use chrono::{DateTime, Utc};

use crate::auth::Hasher;
use crate::db::Database;
use crate::messaging::Notifier;
use history::{Counter, History};
use requests::RequestHistograms;

/// The recorder keeps every single latency until this upkeep puts it into a bucket.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// When the process started, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Uptime {
    started: Instant,
    pub started_at: DateTime<Utc>,
}

impl Uptime {
    /// Starts now.
    pub fn start() -> Self {
        Self { started: Instant::now(), started_at: Utc::now() }
    }

    /// The time since the start by the monotonic clock.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// What this process counted of its requests.
pub struct Metrics {
    pub uptime: Uptime,
    requests: RequestHistograms,
    history: History,
    pool_waits: AtomicU64,
    messages_done: AtomicU64,
}

impl Metrics {
    /// Counts requests under the given routes, each a method and a path pattern.
    pub fn new(routes: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let uptime = Uptime::start();
        let start_seconds = u64::try_from(uptime.started_at.timestamp()).unwrap_or_default();
        let requests = RequestHistograms::new(routes);
        // The monotonic clock, so that a corrected system clock does not move minutes.
        let clock = Box::new(move || start_seconds + uptime.elapsed().as_secs());
        let history = History::new(requests.routes().len(), clock);
        Self {
            uptime,
            requests,
            history,
            pool_waits: AtomicU64::default(),
            messages_done: AtomicU64::default(),
        }
    }

    /// Counts an answered request. `route` is the path pattern of its route.
    pub fn answered(&self, route: Option<&'static str>, method: &Method, status: StatusCode, took: Duration) {
        let row = self.requests.record(route, method, status, took);
        self.history.record(row, status.as_u16(), took);
    }

    /// Counts a request of which only the path is known: its handler panicked, or the client disconnected.
    pub fn lost(&self, path: &str, method: &Method, status: StatusCode, took: Duration) {
        self.answered(self.requests.pattern_of(path), method, status, took);
    }

    /// The last `minutes`, the current one included. A day at most is kept.
    pub fn window(&self, minutes: u64) -> Window {
        self.history.window(minutes)
    }

    /// Method and path pattern of each route, in the order of [`Window::routes`]; the last is "other".
    pub fn routes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.requests.routes().iter().map(|route| (route.method, route.path))
    }

    /// The request histograms in Prometheus' text format.
    pub fn request_histograms(&self) -> String {
        self.requests.handle().render()
    }

    /// Adds to the current minute what other parts of the program counted since the last call.
    pub fn update_minute(&self, database: &Database, notifier: &Notifier, hasher: &Hasher) {
        let waits = database.pools().iter().map(|pool| pool.waits).sum::<u64>();
        // The sum falls when the pool of a removed node goes.
        let new_waits = waits.saturating_sub(self.pool_waits.swap(waits, Relaxed));
        self.history.add(Counter::PoolWaits, new_waits);
        let done = notifier.counts().acknowledged;
        let newly_done = done.saturating_sub(self.messages_done.swap(done, Relaxed));
        self.history.add(Counter::MessagesDone, newly_done);
        self.history.add(Counter::HashesWaiting, hasher.take_most_waiting());
    }
}

/// Keeps histograms and history up to date until the future is dropped.
pub async fn keep_up(metrics: &Metrics, database: &Database, notifier: &Notifier, hasher: &Hasher) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        metrics.requests.handle().run_upkeep();
        metrics.update_minute(database, notifier, hasher);
    }
}
