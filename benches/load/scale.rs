//! `--scale`: what grows with the data and the connections. Each axis has a table, and the ratio of the p50
//! of `GET /notes` at its end to that at its start.

mod idle;
mod notes;
mod notes_of_user;
mod tenants;

use crate::bench::{Bench, host_of};
use crate::circumstances::MachineWatch;
use crate::figures::median;
use crate::measure::Round;
use crate::meter::Meter;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::requests;
use crate::sessions::SessionSet;

/// The most that the p50 may grow along an axis.
const MOST_GROWTH: f64 = 1.3;
const WARM_UP: u64 = 3;
/// The axes, by their names for `--only`.
const AXES: [&str; 4] = ["connections", "notes-of-user", "tenants", "notes"];

/// Measures the chosen axes.
///
/// # Errors
/// Those of servers and load generators.
pub async fn run(mut options: Options) -> Outcome<bool> {
    if let Some(unknown) = options.only.iter().find(|name| !AXES.contains(&name.as_str())) {
        return Err(format!("no axis is called {unknown}; the axes are {}", AXES.join(" ")).into());
    }
    options.tenants = options.tenants.min(1000);
    options.users = options.users.min(5);
    let mut bench = Bench::prepare(options).await?;
    bench.make_sessions().await?;
    bench.check_answers().await?;
    let watch = MachineWatch::start(&bench);
    let chosen: Vec<&str> = AXES.into_iter().filter(|axis| bench.options.chooses(axis)).collect();
    for axis in chosen {
        match axis {
            "connections" => idle::measure(&mut bench).await?,
            "notes-of-user" => notes_of_user::measure(&mut bench).await?,
            "tenants" => tenants::measure(&mut bench).await?,
            _ => notes::measure(&mut bench).await?,
        }
    }
    bench.check_answers().await?;
    watch.end(&bench).print(&bench.options);
    bench.stop().await?;
    Ok(true)
}

/// Median figures of a point on an axis.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    rate: f64,
    p50: f64,
    p99: f64,
    server: f64,
    database: f64,
}

impl Point {
    fn of(rounds: &[Round]) -> Self {
        let each = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        Self {
            rate: each(|round| round.requests_per_second),
            p50: each(|round| round.p50_ms),
            p99: each(|round| round.p99_ms),
            server: each(|round| round.server_us.unwrap_or(0.0)),
            database: each(|round| round.database_us),
        }
    }
}

/// The head of an axis' table.
fn print_head(axis: &str, more: &str) {
    println!();
    println!("| {axis:<34} | requests/s | p50 ms | p99 ms | server µs | database µs |{more}");
    let dashes = more.matches('|').count();
    println!(
        "| ---------------------------------- | ---------: | -----: | -----: | --------: | ----------: |{}",
        " ---: |".repeat(dashes)
    );
}

fn print_point(name: &str, point: Point, more: &str) {
    let Point { rate, p50, p99, server, database } = point;
    println!(
        "| {name:<34} | {rate:>10.0} | {p50:>6.2} | {p99:>6.2} | {server:>9.0} | {database:>11.0} |{more}"
    );
}

/// The ratio of the last point to the first one.
fn print_growth(what: &str, first: Point, last: Point) {
    let ratio = last.p50 / first.p50.max(1e-3);
    let reached = if ratio <= MOST_GROWTH { "reached" } else { "not reached" };
    println!();
    println!("- goal: p50 of GET /notes along {what} at most {MOST_GROWTH}; measured {ratio:.2}: {reached}");
}

impl Bench {
    /// `GET /notes` of these users, each session used once, with the run's connections.
    async fn cold_pages(&self, set: &mut SessionSet) -> Outcome<Point> {
        let mut rounds = Vec::new();
        for round in 0..=self.options.rounds {
            let seconds = if round == 0 { WARM_UP } else { self.options.seconds };
            let slice = set.take(&self.client, self.population, seconds).await?;
            let host = host_of(&self.on.base);
            let page = |at| {
                let cookie = self.sealer.session(&set.token(self.population, at));
                requests::get(host, "/notes", ("Cookie", &cookie))
            };
            requests::write(&self.file("scale"), slice.clone().map(page))?;
            let meter = Meter::start(self.measured(Some(&self.on))).await?;
            let result = self.send("scale", seconds).await?;
            let costs = meter.end(&result, self.idle_round_trips).await?;
            set.use_up(&slice, result.sent, result.seconds);
            if round > 0 {
                rounds.push(Round::of(&result, costs));
            }
        }
        Ok(Point::of(&rounds))
    }

    /// The same of the 16 cookies that are used again and again, or of the given ones over one connection.
    async fn pages(&self, path: &str, cookies: &[String], connections: usize) -> Outcome<Point> {
        let host = host_of(&self.on.base);
        let page = |cookie: &String| requests::get(host, path, ("Cookie", cookie.as_str()));
        requests::write(&self.file("scale"), cookies.iter().map(page))?;
        let mut rounds = Vec::new();
        for round in 0..=self.options.rounds {
            let seconds = if round == 0 { WARM_UP } else { self.options.seconds };
            let meter = Meter::start(self.measured(Some(&self.on))).await?;
            let wrk = crate::wrk::Wrk { connections, ..self.wrk(seconds) };
            let result = wrk.run(&self.on.base, &self.file("scale")).await?;
            let costs = meter.end(&result, self.idle_round_trips).await?;
            if round > 0 {
                rounds.push(Round::of(&result, costs));
            }
        }
        Ok(Point::of(&rounds))
    }
}
