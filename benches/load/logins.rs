//! The row of logins: browsers that logged in before log in again, each another user, while two connections
//! read the list of notes at the pace of people.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Bench, host_of};
use crate::machine::cores;
use crate::outcome::Outcome;
use crate::password::{PASSWORD, stored_hash};
use crate::population::{PeopleGroup, Population};
use crate::processor::thread_seconds;
use crate::requests;
use crate::scraped::Scraped;
use crate::wrk::{LoadResult, Wrk};

/// A shorter flood has too few logins to count.
const SHORTEST: u64 = 20;
/// The flood's beginning and end, which are not counted: connections wait for their first answers.
const EDGE: Duration = Duration::from_secs(2);
const READERS: usize = 2;
const READERS_PAUSE: u64 = 20;
/// Readers log in once in a run; this many requests are written for a second.
const MOST_A_SECOND: u64 = 100;
const HASHES: &str = "pigeonhole_password_hashes_total";

/// What a flood of logins did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LoginFigures {
    pub hashes_per_second: f64,
    /// Processor time of one hash while all cores hash.
    pub hash_seconds: f64,
    /// Of all cores.
    pub share_of_cores: f64,
    /// `GET /notes` of people, without and with the flood.
    pub quiet_p50_ms: f64,
    pub quiet_p99_ms: f64,
    pub meanwhile_p50_ms: f64,
    pub meanwhile_p99_ms: f64,
}

/// Processor time of one check of a password while all cores check one, in seconds: cores may be two threads
/// of one, which slow each other.
fn hash_seconds(stored: &str) -> Outcome<f64> {
    const CHECKS: usize = 4;
    let check = || -> Outcome<f64> {
        let before = thread_seconds();
        for _ in 0..CHECKS {
            bcrypt::verify(PASSWORD, stored)?;
        }
        Ok((thread_seconds() - before) / CHECKS as f64)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(check)).collect();
        let mut sum = 0.0;
        for thread in threads {
            sum += thread.join().map_err(|_| "a hash failed")??;
        }
        Ok(sum / cores() as f64)
    })
}

impl Bench {
    /// The paced list of notes without other load.
    async fn quiet(&self, seconds: u64) -> Outcome<LoadResult> {
        let file = self.file("page");
        let host = host_of(&self.on.base);
        let cookies = self.cookies();
        let request = |(_, cookie): &(_, String)| requests::get(host, "/notes", ("Cookie", cookie));
        requests::write(&file, cookies.iter().map(request))?;
        let wrk = Wrk { connections: READERS, pause: Some(READERS_PAUSE), ..self.wrk(seconds) };
        wrk.run(&self.on.base, &file).await
    }

    /// Measures the list without the flood, the time of a hash, and then the flood.
    ///
    /// # Errors
    /// Those of wrk and of the server.
    pub async fn logins(&mut self, seconds: u64) -> Outcome<(LoadResult, LoginFigures)> {
        let seconds = seconds.max(SHORTEST);
        let file = self.file("login");
        let (host, population) = (host_of(&self.on.base), self.population);
        let positions = self.next_login..self.next_login + seconds * MOST_A_SECOND;
        let login = |position| {
            let person = population.member(PeopleGroup::Readers, position);
            requests::login(host, &self.sealer.device(person), &Population::email(person), PASSWORD)
        };
        requests::write(&file, positions.map(login))?;
        let flood = Wrk { timeout: 20, ..self.wrk(seconds) };
        let (result, counted, meanwhile) =
            tokio::try_join!(flood.run(&self.on.base, &file), self.hashes(seconds), self.quiet(seconds))?;
        self.next_login += result.sent;
        let figures = LoginFigures {
            hashes_per_second: counted,
            meanwhile_p50_ms: meanwhile.p50,
            meanwhile_p99_ms: meanwhile.p99,
            ..LoginFigures::default()
        };
        Ok((result, figures))
    }

    /// What the flood is compared with: the paced list, and the time of a hash.
    ///
    /// # Errors
    /// Those of wrk and of bcrypt.
    pub async fn before_logins(&self, seconds: u64) -> Outcome<LoginFigures> {
        let quiet = self.quiet(seconds.max(SHORTEST) / 2).await?;
        let stored = stored_hash().await?;
        let hash_seconds = tokio::task::spawn_blocking(move || hash_seconds(&stored)).await??;
        Ok(LoginFigures {
            hash_seconds,
            quiet_p50_ms: quiet.p50,
            quiet_p99_ms: quiet.p99,
            ..LoginFigures::default()
        })
    }

    /// Hashes a second between the flood's edges.
    async fn hashes(&self, seconds: u64) -> Outcome<f64> {
        let console = self.on.console.as_deref().ok_or("no console")?;
        tokio::time::sleep(EDGE).await;
        let (before, started) = (Scraped::read(console).await?, Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(2 * EDGE)).await;
        let (after, elapsed) = (Scraped::read(console).await?, started.elapsed());
        let hashes = |scraped: &Scraped| scraped.sum(HASHES, &[]).ok_or("the server counts no hashes");
        Ok((hashes(&after)? - hashes(&before)?) / elapsed.as_secs_f64())
    }
}

impl LoginFigures {
    /// Both halves of a measurement.
    pub fn with(self, before: Self) -> Self {
        Self {
            hash_seconds: before.hash_seconds,
            share_of_cores: self.hashes_per_second * before.hash_seconds / cores() as f64,
            quiet_p50_ms: before.quiet_p50_ms,
            quiet_p99_ms: before.quiet_p99_ms,
            ..self
        }
    }
}
