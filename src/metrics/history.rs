//! The last day, minute by minute, in bounded memory. The current minute is a table of atomic numbers, so
//! that counting a request takes no lock; a finished minute keeps only its numbers above 0, in 8 bytes each.
//! A day in which every route is in use all the time is about 10 MB, an ordinary one a tenth of that.
//!
//! A request that ends as a minute turns may be counted in the neighbouring minute; none is lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::latency::{BUCKETS, LatencyHistogram, bucket_of};

/// Finished minutes that are kept.
const MINUTES_KEPT: u64 = 24 * 60;
const CLIENT_ERRORS: usize = BUCKETS;
const ERRORS: usize = BUCKETS + 1;
/// Numbers of one route in one minute.
const NUMBERS_OF_A_ROUTE: usize = BUCKETS + 2;

/// Gives the seconds since 1970 and never goes back.
pub(super) type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// What is counted in each minute beside its requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    /// Callers that waited for a database connection.
    PoolWaits,
    /// The most password hashes that waited at the same time.
    HashesWaiting,
    MessagesDone,
}
const COUNTERS: usize = 3;

impl Counter {
    /// Combines the values of two times: a maximum for a queue, else a sum.
    fn combine(index: usize, one: u64, other: u64) -> u64 {
        if index == Self::HashesWaiting as usize { one.max(other) } else { one + other }
    }
}

/// A number above 0 of a finished minute.
#[derive(Clone, Copy)]
struct RouteCount {
    route: u16,
    /// A bucket, or [`CLIENT_ERRORS`] or [`ERRORS`].
    number: u8,
    count: u32,
}

struct Minute {
    /// Minutes since 1970.
    at: u64,
    counts: Box<[RouteCount]>,
    counters: [u64; COUNTERS],
}

/// The numbers of the last day.
pub(super) struct History {
    now: Clock,
    started: u64,
    current: AtomicU64,
    counts: Box<[AtomicU32]>,
    counters: [AtomicU64; COUNTERS],
    finished: Mutex<VecDeque<Minute>>,
}

/// The numbers of the last minutes.
pub struct Window {
    /// By the index of the route.
    pub routes: Vec<LatencyHistogram>,
    /// All routes together.
    pub all: LatencyHistogram,
    /// The length of the window, or the uptime of the process where that is shorter.
    pub seconds: u64,
    /// The window in steps of equal length, the oldest first.
    pub points: Vec<Point>,
}

/// One step of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The step's begin in seconds since 1970.
    pub at: u64,
    pub requests: u64,
    pub per_second: f64,
    /// The median latency in milliseconds.
    pub p50: Option<f64>,
    /// The 99th percentile in milliseconds.
    pub p99: Option<f64>,
    /// Answers of 500 and more.
    pub errors: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Callers that waited for a database connection.
    pub pool_waits: u64,
    /// The most password hashes that waited at the same time.
    pub hashes_waiting: u64,
    /// Messages that were done.
    pub messages: u64,
}

impl History {
    /// An empty history of so many routes.
    pub(super) fn new(routes: usize, now: Clock) -> Self {
        let started = now();
        Self {
            now,
            started,
            current: AtomicU64::new(started / 60),
            counts: (0..routes * NUMBERS_OF_A_ROUTE).map(|_| AtomicU32::new(0)).collect(),
            counters: Default::default(),
            finished: Mutex::default(),
        }
    }

    /// Counts a request of the route with this index.
    pub(super) fn record(&self, route: usize, status: u16, took: Duration) {
        self.turn();
        let counts = &self.counts[route * NUMBERS_OF_A_ROUTE..][..NUMBERS_OF_A_ROUTE];
        counts[bucket_of(took)].fetch_add(1, Relaxed);
        match status {
            400..500 => counts[CLIENT_ERRORS].fetch_add(1, Relaxed),
            500.. => counts[ERRORS].fetch_add(1, Relaxed),
            _ => 0,
        };
    }

    /// Adds to a counter of the current minute.
    pub(super) fn add(&self, counter: Counter, value: u64) {
        self.turn();
        let number = &self.counters[counter as usize];
        match counter {
            Counter::HashesWaiting => number.fetch_max(value, Relaxed),
            Counter::PoolWaits | Counter::MessagesDone => number.fetch_add(value, Relaxed),
        };
    }

    /// The last `minutes`, the current one included.
    pub(super) fn window(&self, minutes: u64) -> Window {
        self.turn();
        let now = (self.now)();
        let last = now / 60;
        let first = (last + 1).saturating_sub(minutes.clamp(1, MINUTES_KEPT)).max(self.started / 60);
        let step = step_of(minutes);
        let mut window = Window {
            routes: vec![LatencyHistogram::default(); self.counts.len() / NUMBERS_OF_A_ROUTE],
            all: LatencyHistogram::default(),
            seconds: (now + 1).saturating_sub(self.started.max(first * 60)).max(1),
            points: Vec::new(),
        };
        let current = self.snapshot();
        let finished = self.finished();
        let mut minutes = finished
            .iter()
            .chain(std::iter::once(&current))
            .skip_while(|minute| minute.at < first)
            .peekable();
        for group in first / step..=last / step {
            let (mut sum, mut counters) = (LatencyHistogram::default(), [0; COUNTERS]);
            while let Some(minute) = minutes.next_if(|minute| minute.at / step <= group) {
                minute.add_to(&mut sum, &mut counters);
                minute.add_by_route(&mut window.routes);
            }
            let begin = (group * step).max(first) * 60;
            let seconds =
                ((group + 1) * step * 60).min(now + 1).saturating_sub(begin.max(self.started)).max(1);
            window.points.push(point(begin, seconds, &sum, counters));
            window.all.merge(&sum);
        }
        window
    }

    /// Moves the current minute to the finished ones when it is over. Only the first caller in a new minute
    /// takes the lock.
    fn turn(&self) {
        let now = (self.now)() / 60;
        if now <= self.current.load(Relaxed) {
            return;
        }
        let mut finished = self.finished();
        let at = self.current.load(Relaxed);
        if now <= at {
            return;
        }
        let take = |number: &AtomicU32| number.swap(0, Relaxed);
        finished.push_back(self.collect(at, take, |counter| counter.swap(0, Relaxed)));
        self.current.store(now, Relaxed);
        while finished.front().is_some_and(|minute| minute.at + MINUTES_KEPT < now) {
            finished.pop_front();
        }
    }

    fn snapshot(&self) -> Minute {
        let read = |number: &AtomicU32| number.load(Relaxed);
        self.collect(self.current.load(Relaxed), read, |counter| counter.load(Relaxed))
    }

    fn collect(
        &self,
        at: u64,
        number: impl Fn(&AtomicU32) -> u32,
        counter: impl Fn(&AtomicU64) -> u64,
    ) -> Minute {
        let counts = self.counts.iter().enumerate().map(|(index, count)| RouteCount {
            route: u16::try_from(index / NUMBERS_OF_A_ROUTE).unwrap_or(u16::MAX),
            number: u8::try_from(index % NUMBERS_OF_A_ROUTE).unwrap_or(u8::MAX),
            count: number(count),
        });
        Minute {
            at,
            counts: counts.filter(|number| number.count > 0).collect(),
            counters: self.counters.each_ref().map(counter),
        }
    }

    fn finished(&self) -> MutexGuard<'_, VecDeque<Minute>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The minutes of one step, so that a chart has about a hundred points.
fn step_of(minutes: u64) -> u64 {
    match minutes {
        0..=120 => 1,
        121..=480 => 5,
        _ => 15,
    }
}

fn point(at: u64, seconds: u64, sum: &LatencyHistogram, counters: [u64; COUNTERS]) -> Point {
    let requests = sum.requests();
    Point {
        at,
        requests,
        per_second: requests as f64 / seconds as f64,
        p50: sum.quantile(0.5),
        p99: sum.quantile(0.99),
        errors: sum.errors,
        client_errors: sum.client_errors,
        pool_waits: counters[Counter::PoolWaits as usize],
        hashes_waiting: counters[Counter::HashesWaiting as usize],
        messages: counters[Counter::MessagesDone as usize],
    }
}

impl Minute {
    fn add_to(&self, sum: &mut LatencyHistogram, counters: &mut [u64; COUNTERS]) {
        self.counts.iter().for_each(|count| count.add_to(sum));
        for (index, value) in self.counters.iter().enumerate() {
            counters[index] = Counter::combine(index, counters[index], *value);
        }
    }

    fn add_by_route(&self, routes: &mut [LatencyHistogram]) {
        for count in &self.counts {
            count.add_to(&mut routes[usize::from(count.route)]);
        }
    }
}

impl RouteCount {
    fn add_to(self, sum: &mut LatencyHistogram) {
        match usize::from(self.number) {
            CLIENT_ERRORS => sum.client_errors += u64::from(self.count),
            ERRORS => sum.errors += u64::from(self.count),
            bucket => sum.add(bucket, u64::from(self.count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A history and its clock, which moves only when a test moves it.
    fn history(routes: usize) -> (Arc<AtomicU64>, Arc<History>) {
        let clock = Arc::new(AtomicU64::new(1_000_000 * 60));
        let read = Arc::clone(&clock);
        (clock, Arc::new(History::new(routes, Box::new(move || read.load(Relaxed)))))
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn requests_are_counted_under_their_route_and_minute() {
        let (clock, history) = history(3);
        history.record(0, 200, MILLISECOND);
        history.record(2, 503, MILLISECOND * 100);
        clock.fetch_add(60, Relaxed);
        history.record(2, 404, MILLISECOND * 10);
        history.record(2, 303, MILLISECOND * 10);
        let window = history.window(60);
        assert_eq!(window.routes.iter().map(LatencyHistogram::requests).collect::<Vec<_>>(), [1, 0, 3]);
        assert_eq!((window.all.requests(), window.all.errors, window.all.client_errors), (4, 1, 1));
        assert_eq!(window.points.iter().map(|point| point.requests).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(history.window(1).all.requests(), 2);
        let p99 = window.points[0].p99.expect("requests");
        assert!((80.0..125.0).contains(&p99), "{p99}");
    }

    #[test]
    fn one_day_is_kept() {
        let (clock, history) = history(1);
        for _ in 0..3 * MINUTES_KEPT {
            history.record(0, 200, MILLISECOND);
            clock.fetch_add(60, Relaxed);
        }
        assert_eq!(history.finished().len() as u64, MINUTES_KEPT);
        assert_eq!(history.window(MINUTES_KEPT).all.requests(), MINUTES_KEPT - 1);
        assert_eq!(history.window(u64::MAX).points.len(), 97);
        // A day without requests.
        clock.fetch_add(MINUTES_KEPT * 60, Relaxed);
        assert_eq!(history.window(MINUTES_KEPT).all.requests(), 0);
        assert!(history.finished().len() <= 1);
    }

    #[test]
    fn a_chart_begins_with_the_process_and_has_idle_minutes() {
        let (clock, history) = history(1);
        history.record(0, 200, MILLISECOND);
        clock.fetch_add(3 * 60 + 30, Relaxed);
        let points = history.window(60).points;
        assert_eq!(points.iter().map(|point| point.requests).collect::<Vec<_>>(), [1, 0, 0, 0]);
        assert_eq!(points[0].at, 1_000_000 * 60);
        assert_eq!(points[1].p50, None);
        assert!((points[0].per_second - 1.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn waits_are_added_and_a_queue_is_the_maximum() {
        let (clock, history) = history(1);
        for value in [2, 5, 3] {
            history.add(Counter::PoolWaits, value);
            history.add(Counter::HashesWaiting, value);
            clock.fetch_add(60, Relaxed);
        }
        let points = history.window(480).points;
        let point = points.iter().find(|point| point.pool_waits > 0).expect("a step with waits");
        assert_eq!((point.pool_waits, point.hashes_waiting), (10, 5));
    }

    #[test]
    fn a_clock_that_goes_back_changes_no_finished_minute() {
        let (clock, history) = history(1);
        clock.fetch_add(60, Relaxed);
        history.record(0, 200, MILLISECOND);
        clock.fetch_sub(120, Relaxed);
        history.record(0, 200, MILLISECOND);
        clock.fetch_add(120, Relaxed);
        assert_eq!(history.window(1).all.requests(), 2);
    }

    #[test]
    fn no_request_is_lost_when_threads_count_while_minutes_turn() {
        let (clock, history) = history(2);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5000).for_each(|number| history.record(number % 2, 200, MILLISECOND)));
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    clock.fetch_add(60, Relaxed);
                    std::thread::yield_now();
                }
            });
        });
        assert_eq!(history.window(60).all.requests(), 20_000);
    }
}
