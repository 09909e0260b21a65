//! The last day, minute by minute, in bounded memory. The minute that runs is a table of atomic numbers, so
//! that counting a request takes no lock; a minute that is over keeps only what is not zero, in 8 bytes each.
//! A day in which every route is in use all the time is about 10 MB, an ordinary one a tenth of that.
//!
//! A request that ends in the instant in which a minute turns may be counted in the neighbouring one; none is
//! lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::latency::{SLOTS, Sum, slot_of};

/// How many minutes are kept beside the one that runs.
const KEPT: u64 = 24 * 60;
const CLIENT_ERRORS: usize = SLOTS;
const ERRORS: usize = SLOTS + 1;
/// The numbers of one route in one minute.
const WIDTH: usize = SLOTS + 2;

/// Gives the seconds since 1970, never fewer than before.
pub(super) type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// What is noted of a minute beside its requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gauge {
    /// Callers who waited for a connection.
    PoolWaits,
    /// The most password hashes that waited at a time.
    HashesWaiting,
    /// Messages that were done.
    MessagesDone,
}
const GAUGES: usize = 3;

/// One number of a route that is not zero.
#[derive(Clone, Copy)]
struct Count {
    route: u16,
    slot: u8,
    count: u32,
}

struct Minute {
    at: u64,
    counts: Box<[Count]>,
    gauges: [u64; GAUGES],
}

/// The last day.
pub(super) struct History {
    now: Clock,
    started: u64,
    running: AtomicU64,
    counts: Box<[AtomicU32]>,
    gauges: [AtomicU64; GAUGES],
    past: Mutex<VecDeque<Minute>>,
}

/// What happened in some stretch of time.
pub(super) struct Window {
    /// By the number of the route.
    pub(super) routes: Vec<Sum>,
    /// All routes together.
    pub(super) all: Sum,
    /// The stretch, or the part of it in which this process ran, in seconds.
    pub(super) seconds: u64,
    /// The stretch in equal steps, the oldest first.
    pub(super) points: Vec<Point>,
}

/// One step of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// When it begins, in seconds since 1970.
    pub at: u64,
    /// Requests.
    pub requests: u64,
    /// The same for each second.
    pub per_second: f64,
    /// The median of the times, in milliseconds.
    pub p50: Option<f64>,
    /// What 99 of 100 requests did not exceed, in milliseconds.
    pub p99: Option<f64>,
    /// Answers of 500 and more.
    pub errors: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Callers who waited for a connection to the database.
    pub pool_waits: u64,
    /// The most password hashes that waited at a time.
    pub hashes_waiting: u64,
    /// Messages that were done.
    pub messages: u64,
}

impl History {
    /// An empty one for routes that are numbered from 0.
    pub(super) fn new(routes: usize, now: Clock) -> Self {
        let started = now();
        Self {
            now,
            started,
            running: AtomicU64::new(started / 60),
            counts: (0..routes * WIDTH).map(|_| AtomicU32::new(0)).collect(),
            gauges: Default::default(),
            past: Mutex::default(),
        }
    }

    /// Counts a request.
    pub(super) fn record(&self, route: usize, status: u16, took: Duration) {
        self.turn();
        let counts = &self.counts[route * WIDTH..][..WIDTH];
        counts[slot_of(took)].fetch_add(1, Relaxed);
        match status {
            400..500 => counts[CLIENT_ERRORS].fetch_add(1, Relaxed),
            500.. => counts[ERRORS].fetch_add(1, Relaxed),
            _ => 0,
        };
    }

    /// Notes something else of this minute.
    pub(super) fn note(&self, gauge: Gauge, value: u64) {
        self.turn();
        let kept = &self.gauges[gauge as usize];
        match gauge {
            Gauge::HashesWaiting => kept.fetch_max(value, Relaxed),
            Gauge::PoolWaits | Gauge::MessagesDone => kept.fetch_add(value, Relaxed),
        };
    }

    /// The last `minutes`, this one included.
    pub(super) fn window(&self, minutes: u64) -> Window {
        self.turn();
        let now = (self.now)();
        let last = now / 60;
        let first = (last + 1).saturating_sub(minutes.clamp(1, KEPT)).max(self.started / 60);
        let step = step_of(minutes);
        let mut window = Window {
            routes: vec![Sum::default(); self.counts.len() / WIDTH],
            all: Sum::default(),
            seconds: (now + 1).saturating_sub(self.started.max(first * 60)).max(1),
            points: Vec::new(),
        };
        let running = self.snapshot();
        let past = self.past();
        let mut minutes =
            past.iter().chain(std::iter::once(&running)).skip_while(|minute| minute.at < first).peekable();
        for group in first / step..=last / step {
            let (mut sum, mut gauges) = (Sum::default(), [0; GAUGES]);
            while let Some(minute) = minutes.next_if(|minute| minute.at / step <= group) {
                minute.add_to(&mut sum, &mut gauges);
                minute.add_by_route(&mut window.routes);
            }
            let begin = (group * step).max(first) * 60;
            let seconds =
                ((group + 1) * step * 60).min(now + 1).saturating_sub(begin.max(self.started)).max(1);
            window.points.push(point(begin, seconds, &sum, gauges));
            window.all.merge(&sum);
        }
        window
    }

    /// Puts the minute aside when it is over. Only who comes first in a new minute takes the lock.
    fn turn(&self) {
        let now = (self.now)() / 60;
        if now <= self.running.load(Relaxed) {
            return;
        }
        let mut past = self.past();
        let at = self.running.load(Relaxed);
        if now <= at {
            return;
        }
        past.push_back(self.collect(at, |count| count.swap(0, Relaxed), |gauge| gauge.swap(0, Relaxed)));
        self.running.store(now, Relaxed);
        while past.front().is_some_and(|minute| minute.at + KEPT < now) {
            past.pop_front();
        }
    }

    fn snapshot(&self) -> Minute {
        self.collect(self.running.load(Relaxed), |count| count.load(Relaxed), |gauge| gauge.load(Relaxed))
    }

    fn collect(
        &self,
        at: u64,
        count: impl Fn(&AtomicU32) -> u32,
        gauge: impl Fn(&AtomicU64) -> u64,
    ) -> Minute {
        let numbers = self.counts.iter().enumerate().map(|(index, number)| Count {
            route: u16::try_from(index / WIDTH).unwrap_or(u16::MAX),
            slot: u8::try_from(index % WIDTH).unwrap_or(u8::MAX),
            count: count(number),
        });
        Minute {
            at,
            counts: numbers.filter(|number| number.count > 0).collect(),
            gauges: self.gauges.each_ref().map(gauge),
        }
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Minute>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many minutes one step of a chart has, so that a stretch has about a hundred.
fn step_of(minutes: u64) -> u64 {
    match minutes {
        0..=120 => 1,
        121..=480 => 5,
        _ => 15,
    }
}

fn point(at: u64, seconds: u64, sum: &Sum, gauges: [u64; GAUGES]) -> Point {
    let requests = sum.requests();
    Point {
        at,
        requests,
        per_second: requests as f64 / seconds as f64,
        p50: sum.quantile(0.5),
        p99: sum.quantile(0.99),
        errors: sum.errors,
        client_errors: sum.client_errors,
        pool_waits: gauges[Gauge::PoolWaits as usize],
        hashes_waiting: gauges[Gauge::HashesWaiting as usize],
        messages: gauges[Gauge::MessagesDone as usize],
    }
}

impl Minute {
    fn add_to(&self, sum: &mut Sum, gauges: &mut [u64; GAUGES]) {
        self.counts.iter().for_each(|count| count.add_to(sum));
        for (index, value) in self.gauges.iter().enumerate() {
            gauges[index] = if index == Gauge::HashesWaiting as usize {
                gauges[index].max(*value)
            } else {
                gauges[index] + value
            };
        }
    }

    fn add_by_route(&self, routes: &mut [Sum]) {
        for count in &self.counts {
            count.add_to(&mut routes[usize::from(count.route)]);
        }
    }
}

impl Count {
    fn add_to(self, sum: &mut Sum) {
        match usize::from(self.slot) {
            CLIENT_ERRORS => sum.client_errors += u64::from(self.count),
            ERRORS => sum.errors += u64::from(self.count),
            slot => sum.add(slot, u64::from(self.count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A history and its clock, which stands until it is moved.
    fn history(routes: usize) -> (Arc<AtomicU64>, Arc<History>) {
        let clock = Arc::new(AtomicU64::new(1_000_000 * 60));
        let seen = Arc::clone(&clock);
        (clock, Arc::new(History::new(routes, Box::new(move || seen.load(Relaxed)))))
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn requests_are_found_under_their_route_and_their_minute() {
        let (clock, history) = history(3);
        history.record(0, 200, MILLISECOND);
        history.record(2, 503, MILLISECOND * 100);
        clock.fetch_add(60, Relaxed);
        history.record(2, 404, MILLISECOND * 10);
        history.record(2, 303, MILLISECOND * 10);
        let window = history.window(60);
        assert_eq!(window.routes.iter().map(Sum::requests).collect::<Vec<_>>(), [1, 0, 3]);
        assert_eq!((window.all.requests(), window.all.errors, window.all.client_errors), (4, 1, 1));
        assert_eq!(window.points.iter().map(|point| point.requests).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(history.window(1).all.requests(), 2);
        let p99 = window.points[0].p99.expect("requests");
        assert!((80.0..125.0).contains(&p99), "{p99}");
    }

    #[test]
    fn a_day_is_kept_and_not_more() {
        let (clock, history) = history(1);
        for _ in 0..3 * KEPT {
            history.record(0, 200, MILLISECOND);
            clock.fetch_add(60, Relaxed);
        }
        assert_eq!(history.past().len() as u64, KEPT);
        assert_eq!(history.window(KEPT).all.requests(), KEPT - 1);
        assert_eq!(history.window(u64::MAX).points.len(), 97);
        // A night in which nobody asked for anything.
        clock.fetch_add(KEPT * 60, Relaxed);
        assert_eq!(history.window(KEPT).all.requests(), 0);
        assert!(history.past().len() <= 1);
    }

    #[test]
    fn a_chart_begins_where_the_process_does_and_shows_idle_minutes() {
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
    fn waits_add_up_and_a_queue_is_shown_at_its_longest() {
        let (clock, history) = history(1);
        for value in [2, 5, 3] {
            history.note(Gauge::PoolWaits, value);
            history.note(Gauge::HashesWaiting, value);
            clock.fetch_add(60, Relaxed);
        }
        let points = history.window(480).points;
        let point = points.iter().find(|point| point.pool_waits > 0).expect("a step with waits");
        assert_eq!((point.pool_waits, point.hashes_waiting), (10, 5));
    }

    #[test]
    fn a_clock_that_goes_back_changes_no_minute_that_is_over() {
        let (clock, history) = history(1);
        clock.fetch_add(60, Relaxed);
        history.record(0, 200, MILLISECOND);
        clock.fetch_sub(120, Relaxed);
        history.record(0, 200, MILLISECOND);
        clock.fetch_add(120, Relaxed);
        assert_eq!(history.window(1).all.requests(), 2);
    }

    #[test]
    fn nothing_is_lost_when_many_count_while_minutes_turn() {
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
