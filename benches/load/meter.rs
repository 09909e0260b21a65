//! What a load costs: processor time of the server and of the database, and what the server counted.

use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::processor::{tick, ticks_of};
use crate::scraped::Scraped;
use crate::wrk::LoadResult;

/// Between two looks at the processor time of processes that may still work.
const LOOK: Duration = Duration::from_millis(100);
/// The most looks.
const LOOKS: usize = 20;
/// Clock ticks between two looks that count as rest.
const REST: u64 = 2;

/// The processes of a measurement.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The server; none for pgbench.
    pub server: Option<i32>,
    /// Where its numbers are.
    pub console: Option<String>,
    pub postmasters: Vec<i32>,
}

/// A measurement that has begun.
pub struct Meter {
    measured: Measured,
    server: u64,
    database: u64,
    scraped: Option<Scraped>,
    started: Instant,
}

/// What each request cost.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// Processor time in microseconds.
    pub server: Option<f64>,
    pub database: f64,
    pub round_trips: Option<f64>,
    /// The server's numbers before and after.
    pub scraped: Option<(Scraped, Scraped)>,
}

impl Meter {
    /// Begins.
    ///
    /// # Errors
    /// Those of the request for the server's numbers.
    pub async fn start(measured: Measured) -> Outcome<Self> {
        // First, as it costs processor time too.
        let scraped = match &measured.console {
            Some(console) => Some(Scraped::read(console).await?),
            None => None,
        };
        let server = ticks_of(measured.server.as_slice());
        let database = ticks_of(&measured.postmasters);
        Ok(Self { measured, server, database, scraped, started: Instant::now() })
    }

    /// Ends when the processes rest: what they do after the last answer belongs to the load.
    /// `idle_round_trips` are those of a second without load.
    ///
    /// # Errors
    /// Those of the request for the server's numbers.
    pub async fn end(self, result: &LoadResult, idle_round_trips: f64) -> Outcome<Costs> {
        let (server, database) = self.at_rest().await;
        let (server, database) = (server - self.server, database - self.database);
        let elapsed = self.started.elapsed().as_secs_f64();
        let scraped = match (self.scraped, &self.measured.console) {
            (Some(before), Some(console)) => Some((before, Scraped::read(console).await?)),
            _ => None,
        };
        let requests = result.requests.max(1) as f64;
        let round_trips = scraped.as_ref().and_then(|(before, after)| {
            let more = after.round_trips()? - before.round_trips().unwrap_or(0.0);
            Some((more - idle_round_trips * elapsed).max(0.0) / requests)
        });
        Ok(Costs {
            server: self.measured.server.map(|_| server as f64 * tick() / requests),
            database: database as f64 * tick() / requests,
            round_trips,
            scraped,
        })
    }

    async fn at_rest(&self) -> (u64, u64) {
        let look = || (ticks_of(self.measured.server.as_slice()), ticks_of(&self.measured.postmasters));
        let mut last = look();
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
            let now = look();
            let worked = (now.0 + now.1).saturating_sub(last.0 + last.1);
            last = now;
            if worked <= REST {
                break;
            }
        }
        last
    }
}

/// The server's round trips to the database in a second without load.
///
/// # Errors
/// Those of the requests for the server's numbers.
pub async fn idle_round_trips(console: &str) -> Outcome<f64> {
    let (before, started) = (Scraped::read(console).await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = Scraped::read(console).await?;
    let more = after.round_trips().unwrap_or(0.0) - before.round_trips().unwrap_or(0.0);
    Ok(more / started.elapsed().as_secs_f64())
}
