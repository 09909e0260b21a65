//! The sessions of the bench, made by SQL. Those of a cold set are used once in a run, one after the other;
//! their last use lies minutes to hours back, as that of people who come back.

use std::fmt::Write;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta, Utc};
use futures_util::SinkExt;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::outcome::Outcome;
use crate::population::{PeopleGroup, Population, SeededUser};

/// The youngest last use, in seconds.
const YOUNGEST: f64 = 120.0;
/// The oldest one of a token, and of a browser, whose session ends after two hours without use.
const OLDEST: f64 = 8.0 * 3600.0;
const OLDEST_OF_BROWSER: f64 = 80.0 * 60.0;
/// Sessions that are made for a set before its rate is known.
pub const FIRST_SESSIONS: u64 = 20_000;
/// A cold session is one that was not used for longer than this, in seconds.
pub const COLD: f64 = 60.0;
/// How many times more sessions are made than the rate asks for.
const SPARE: f64 = 1.5;

/// Whose sessions they are.
#[derive(Debug)]
enum People {
    Group(PeopleGroup),
    /// These, in turn, and a number that other sets with the same name do not have.
    List(Vec<SeededUser>, u64),
}

/// Sessions of one purpose.
#[derive(Debug)]
pub struct SessionSet {
    pub name: &'static str,
    people: People,
    browser: bool,
    made: u64,
    next: u64,
    /// The requests a second that were seen.
    rate: f64,
    /// The shortest time in seconds between two uses of a session, over all measurements.
    pub smallest: Option<f64>,
    /// The sessions that were used.
    pub used: u64,
}

impl SessionSet {
    /// Bearer tokens of a group.
    pub fn tokens(name: &'static str, group: PeopleGroup) -> Self {
        Self::of(name, People::Group(group))
    }

    fn of(name: &'static str, people: People) -> Self {
        Self { name, people, browser: false, made: 0, next: 0, rate: 0.0, smallest: None, used: 0 }
    }

    /// Bearer tokens of these users in turn. `number` tells sets of one name apart.
    pub fn of_people(name: &'static str, people: Vec<SeededUser>, number: u64) -> Self {
        Self::of(name, People::List(people, number))
    }

    /// The same in browsers.
    #[must_use]
    pub fn in_browsers(self) -> Self {
        Self { browser: true, ..self }
    }

    /// Sessions of readers in browsers.
    pub fn browsers(name: &'static str) -> Self {
        Self::tokens(name, PeopleGroup::Readers).in_browsers()
    }

    /// The user of the session at a position.
    pub fn person(&self, population: Population, position: u64) -> SeededUser {
        match &self.people {
            People::Group(group) => population.member(*group, position),
            People::List(people, _) => people[position as usize % people.len()],
        }
    }

    /// The token of the session at a position.
    pub fn token(&self, population: Population, position: u64) -> String {
        let number = if let People::List(_, number) = self.people { number } else { 0 };
        let digest = Sha256::digest(format!("bench {} {number} {position}", self.name));
        let tenant = self.person(population, position).tenant;
        format!("ph_{tenant}_{}", URL_SAFE_NO_PAD.encode(digest))
    }

    /// The mark of a session in its user_agent, in the order of the positions.
    fn mark(&self, position: u64) -> String {
        format!("bench {} {position:010}", self.name)
    }

    /// Makes sessions until there are this many.
    ///
    /// # Errors
    /// Those of COPY.
    pub async fn make(&mut self, client: &Client, population: Population, until: u64) -> Outcome<()> {
        if until <= self.made {
            return Ok(());
        }
        let sink = client
            .copy_in::<_, Bytes>(
                "COPY sessions (tenant_id, token_hash, user_id, kind, user_agent, created_at, last_seen_at, \
                 expires_at) FROM STDIN",
            )
            .await?;
        let mut sink = std::pin::pin!(sink);
        let mut text = String::new();
        for position in self.made..until {
            self.write(population, position, &mut text)?;
            if text.len() > 100_000 || position + 1 == until {
                sink.send(Bytes::from(std::mem::take(&mut text))).await?;
            }
        }
        sink.finish().await?;
        self.made = until;
        Ok(())
    }

    fn write(&self, population: Population, position: u64, text: &mut String) -> std::fmt::Result {
        let person = self.person(population, position);
        let hash = hex::encode(Sha256::digest(self.token(population, position)));
        let (kind, oldest) = if self.browser { ("browser", OLDEST_OF_BROWSER) } else { ("script", OLDEST) };
        // As many in each doubling of the time: a fraction by hashing, so that every run has the same.
        let fraction = f64::from(position.wrapping_mul(2_654_435_761) as u32) / f64::from(u32::MAX);
        let age = YOUNGEST * (oldest / YOUNGEST).powf(fraction);
        let now = Utc::now();
        let at = |seconds: f64| {
            (now + TimeDelta::milliseconds((seconds * 1e3) as i64))
                .to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        let ends = if self.browser { 12.0 * 3600.0 } else { 29.0 * 24.0 * 3600.0 };
        let SeededUser { tenant, user } = person;
        let mark = self.mark(position);
        let (created, seen, expires) = (at(-age - 600.0), at(-age), at(ends - age));
        writeln!(text, "{tenant}\t\\\\x{hash}\t{user}\t{kind}\t{mark}\t{created}\t{seen}\t{expires}")
    }

    /// How many sessions a measurement of this length needs.
    pub fn need(&self, seconds: u64) -> u64 {
        if self.rate == 0.0 {
            return FIRST_SESSIONS;
        }
        (self.rate * seconds as f64 * SPARE) as u64 + 500
    }

    /// Makes the sessions of this many measurements.
    ///
    /// # Errors
    /// Those of COPY.
    pub async fn make_for(
        &mut self,
        client: &Client,
        population: Population,
        measurements: u64,
        seconds: u64,
    ) -> Outcome<()> {
        let until = self.next + measurements * self.need(seconds);
        self.make(client, population, until).await
    }

    /// The next sessions, none of which was used, for a measurement of this length.
    ///
    /// # Errors
    /// Those of the statements, and a session that was used.
    pub async fn take(
        &mut self,
        client: &Client,
        population: Population,
        seconds: u64,
    ) -> Outcome<Range<u64>> {
        let slice = self.next..self.next + self.need(seconds);
        self.make(client, population, slice.end).await?;
        let unused = self.shortest_pause(client, &slice).await?;
        if unused < COLD {
            return Err(format!("a session of {} was used {unused:.0} s ago", self.name).into());
        }
        self.smallest = Some(self.smallest.map_or(unused, |smallest| smallest.min(unused)));
        Ok(slice)
    }

    /// The time in seconds since the last use of any of these sessions, by the database.
    async fn shortest_pause(&self, client: &Client, slice: &Range<u64>) -> Outcome<f64> {
        let sql = "SELECT min(extract(epoch FROM now() - last_seen_at))::float8, count(*) FROM sessions
            WHERE user_agent >= $1 AND user_agent < $2";
        let row = client.query_one(sql, &[&self.mark(slice.start), &self.mark(slice.end)]).await?;
        let (shortest, count): (Option<f64>, i64) = (row.get(0), row.get(1));
        if count.unsigned_abs() != slice.end - slice.start {
            return Err(format!("{count} of the {} sessions are there", slice.end - slice.start).into());
        }
        Ok(shortest.unwrap_or(f64::MAX))
    }

    /// Notes that the first `sent` sessions of a slice were used within this time. Gives false if there were
    /// too few, so that some were used twice.
    pub fn use_up(&mut self, slice: &Range<u64>, sent: u64, seconds: f64) -> bool {
        self.rate = self.rate.max(sent as f64 / seconds.max(0.1));
        let length = slice.end - slice.start;
        self.next = slice.start + sent.min(length);
        self.used += sent.min(length);
        sent <= length
    }

    /// The position of a session that is used by itself.
    ///
    /// # Errors
    /// Those of COPY.
    pub async fn take_one(&mut self, client: &Client, population: Population) -> Outcome<u64> {
        let position = self.next;
        self.make(client, population, position + 1).await?;
        self.next += 1;
        self.used += 1;
        Ok(position)
    }
}
