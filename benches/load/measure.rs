//! One measurement of one row.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::bench::{Bench, Sessions, host_of};
use crate::logins::LoginFigures;
use crate::meter::{Costs, Meter};
use crate::outcome::Outcome;
use crate::pgbench::{LEAD, Pgbench};
use crate::population::PeopleGroup;
use crate::requests::{self, Requests};
use crate::rows::{Load, RowDescription};
use crate::server_process::ServerProcess;
use crate::sessions::{FIRST_SESSIONS, SessionSet};
use crate::wrk::LoadResult;

/// Pages of the console refresh so often.
const REFRESH: Duration = Duration::from_secs(5);
/// The pages that are open.
const OPEN_PAGES: [&str; 3] = ["verdicts", "shards", "tenants"];
/// How often a measurement is begun again because it was faster than the cold sessions sufficed for.
const ATTEMPTS: usize = 3;

/// The figures of one measurement.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Round {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub kb_per_answer: Option<f64>,
    pub server_us: Option<f64>,
    pub database_us: f64,
    pub round_trips: Option<f64>,
    pub errors: u64,
    /// Of the errors those that are no wrong answer: refused with 503, as more logins come than can be
    /// checked.
    pub refused: u64,
    pub login: Option<LoginFigures>,
}

/// The sessions of which a measurement uses each once.
fn cold_set(sessions: &mut Sessions, requests: Requests) -> Option<&mut SessionSet> {
    match requests {
        Requests::ApiCold => Some(&mut sessions.api_cold),
        Requests::PageCold => Some(&mut sessions.page_cold),
        Requests::PostCold => Some(&mut sessions.post_cold),
        _ => None,
    }
}

impl Bench {
    /// Measures a row for this time.
    ///
    /// # Errors
    /// Those of the load generators and of the servers.
    pub async fn measure(&mut self, row: &RowDescription, seconds: u64) -> Outcome<Round> {
        match row.load {
            Load::Pgbench(script) => self.with_pgbench(Some(script), seconds).await,
            Load::PgbenchOnShards => self.with_pgbench(None, seconds).await,
            Load::Http(requests) => self.with_wrk(requests, seconds).await,
            Load::RoutingOff(_) | Load::Floor => self.at_other_server(row.load, seconds).await,
            Load::ConsoleOpen(requests) => {
                let watcher = tokio::spawn(watch_console(self.on.console.clone().ok_or("no console")?));
                let round = self.with_wrk(requests, seconds).await;
                watcher.abort();
                round
            }
            Load::Logins => self.with_logins(seconds).await,
        }
    }

    async fn with_pgbench(&self, script: Option<&str>, seconds: u64) -> Outcome<Round> {
        let pgbench = Pgbench {
            program: &self.options.pgbench,
            folder: &self.options.folder,
            connections: self.options.connections,
            seconds,
            from: SystemTime::now() + LEAD,
        };
        let meter = async {
            tokio::time::sleep(LEAD).await;
            Meter::start(self.measured(None)).await
        };
        let load = async {
            match script {
                Some(script) => pgbench.through(&self.options.nodes[0], self.population, script).await,
                None => pgbench.on_shards(&self.shards, self.population).await,
            }
        };
        let (meter, result) = tokio::try_join!(meter, load)?;
        let costs = meter.end(&result, 0.0).await?;
        // A prepared statement is one message, answered by one.
        Ok(Round::of(&result, Costs { round_trips: Some(1.0), ..costs }))
    }

    async fn with_wrk(&mut self, requests: Requests, seconds: u64) -> Outcome<Round> {
        for _ in 0..ATTEMPTS {
            let slice = self.write_requests(requests, seconds).await?;
            let meter = Meter::start(self.measured(Some(&self.on))).await?;
            let result = self.wrk(seconds).run(&self.on.base, &self.file("measured")).await?;
            let costs = meter.end(&result, self.idle_round_trips).await?;
            let enough = self.note_use(requests, slice.as_ref(), &result).await?;
            let round = judged(requests, &result, costs);
            if enough {
                return Ok(round);
            }
        }
        Err("there are never enough cold sessions for this server".into())
    }

    /// Writes the file of the requests. Gives the slice of cold sessions, none of which was used before.
    async fn write_requests(&mut self, requests: Requests, seconds: u64) -> Outcome<Option<Range<u64>>> {
        let population = self.population;
        let slice = match cold_set(&mut self.sessions, requests) {
            Some(set) => Some(set.take(&self.client, population, seconds).await?),
            None => None,
        };
        let host = host_of(&self.on.base);
        let positions = slice.clone().unwrap_or(0..0);
        let list = |bearer: &String| requests::get(host, "/api/notes", ("Authorization", bearer.as_str()));
        let page = |cookie: &String| requests::get(host, "/notes", ("Cookie", cookie.as_str()));
        let texts: Vec<Vec<u8>> = match requests {
            Requests::ApiCold => {
                let set = &self.sessions.api_cold;
                positions.map(|at| list(&format!("Bearer {}", set.token(population, at)))).collect()
            }
            Requests::PostCold => {
                let set = &self.sessions.post_cold;
                let bearer = |at| format!("Bearer {}", set.token(population, at));
                positions.map(|at| requests::post(host, &bearer(at))).collect()
            }
            Requests::PageCold => {
                let set = &self.sessions.page_cold;
                positions.map(|at| page(&self.sealer.session(&set.token(population, at)))).collect()
            }
            Requests::Api => self.tokens().iter().map(list).collect(),
            Requests::Page => self.cookies().iter().map(|(_, cookie)| page(cookie)).collect(),
            Requests::Post => self.writers().iter().map(|bearer| requests::post(host, bearer)).collect(),
            Requests::Search => {
                let found = |bearer: &String| {
                    requests::get(host, "/api/notes?q=invoice", ("Authorization", bearer.as_str()))
                };
                self.tokens().iter().map(found).collect()
            }
            Requests::Put => {
                let edits = self.edited.edits();
                edits.map(|(bearer, note)| requests::put(host, bearer, note.id, note.version)).collect()
            }
            Requests::Note => self.single_notes(host).await?,
        };
        requests::write(&self.file("measured"), texts.into_iter())?;
        Ok(slice)
    }

    /// The pages of the notes of those with a cookie.
    async fn single_notes(&self, host: &str) -> Outcome<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        for (person, cookie) in self.cookies() {
            for note in self.notes_of(person).await? {
                texts.push(requests::get(host, &format!("/notes/{note}"), ("Cookie", &cookie)));
            }
        }
        Ok(texts)
    }

    /// Records which sessions and versions were used. Gives false if there were too few.
    async fn note_use(
        &mut self,
        requests: Requests,
        slice: Option<&Range<u64>>,
        result: &LoadResult,
    ) -> Outcome<bool> {
        if requests == Requests::Put {
            let few = usize::try_from(result.sent)? > self.edited.len();
            self.edited.sent(&self.client, result.sent, self.options.connections).await?;
            return Ok(!few);
        }
        match (cold_set(&mut self.sessions, requests), slice) {
            (Some(set), Some(slice)) => Ok(set.use_up(slice, result.sent, result.seconds)),
            _ => Ok(true),
        }
    }

    async fn at_other_server(&self, load: Load, seconds: u64) -> Outcome<Round> {
        let floor = load == Load::Floor;
        let server = if floor { &self.floor } else { &self.off };
        let server: &ServerProcess = server.as_ref().ok_or("a server is missing")?;
        let host = host_of(&server.base);
        let floor_tokens = self.population.size_of(PeopleGroup::Readers);
        let bearers = if floor {
            self.bearers(&self.sessions.floor, floor_tokens.min(FIRST_SESSIONS))
        } else {
            self.tokens()
        };
        let list = |bearer: &String| requests::get(host, "/api/notes", ("Authorization", bearer.as_str()));
        requests::write(&self.file("measured"), bearers.iter().map(list))?;
        let meter = Meter::start(self.measured(Some(server))).await?;
        let result = self.wrk(seconds).run(&server.base, &self.file("measured")).await?;
        let costs = meter.end(&result, self.idle_round_trips).await?;
        if floor {
            // Both statements travel together.
            return Ok(Round::of(&result, Costs { round_trips: Some(1.0), ..costs }));
        }
        Ok(judged(Requests::Api, &result, costs))
    }

    async fn with_logins(&mut self, seconds: u64) -> Outcome<Round> {
        let before = self.before_logins(seconds).await?;
        let meter = Meter::start(self.measured(Some(&self.on))).await?;
        let (result, figures) = self.logins(seconds).await?;
        let costs = meter.end(&result, self.idle_round_trips).await?;
        let (accepted, refused) = (("POST", "/login", "303"), ("POST", "/login", "503"));
        let (accepted, refused) = (difference(&costs, accepted), difference(&costs, refused));
        let login = Some(figures.with(before));
        let round = Round { refused, login, ..Round::of(&result, costs) };
        Ok(if accepted > 0 { round.of_accepted(accepted, result.requests) } else { round })
    }
}

/// A measurement whose answers have to have the right status: wrk counts a redirect to the login page as
/// right.
fn judged(requests: Requests, result: &LoadResult, costs: Costs) -> Round {
    let counted = costs.scraped.as_ref().is_some_and(|(_, after)| after.counts_answers());
    let right = difference(&costs, requests.expected());
    let mut round = Round::of(result, costs);
    if counted && right < result.requests {
        round.errors = round.errors.max(result.requests - right);
    }
    round
}

/// How many answers of a route and status came during a measurement.
fn difference(costs: &Costs, (method, route, status): (&str, &str, &str)) -> u64 {
    let Some((before, after)) = &costs.scraped else { return 0 };
    let count = after.answers(method, route, status) - before.answers(method, route, status);
    count.max(0.0) as u64
}

impl Round {
    /// The figures for each of the accepted requests instead of all answered ones.
    fn of_accepted(mut self, accepted: u64, answered: u64) -> Self {
        let factor = answered as f64 / accepted as f64;
        self.requests_per_second /= factor;
        self.database_us *= factor;
        for cost in [&mut self.server_us, &mut self.round_trips] {
            *cost = cost.map(|cost| cost * factor);
        }
        self
    }

    /// The figures of a load and its costs.
    pub fn of(result: &LoadResult, costs: Costs) -> Self {
        let requests = result.requests.max(1);
        Self {
            requests_per_second: result.rate(),
            p50_ms: result.p50,
            p99_ms: result.p99,
            kb_per_answer: (result.bytes > 0).then(|| result.bytes as f64 / requests as f64 / 1024.0),
            server_us: costs.server,
            database_us: costs.database,
            round_trips: costs.round_trips,
            // No answer at all is wrong too.
            errors: result.errors + u64::from(result.requests == 0),
            refused: 0,
            login: None,
        }
    }
}

/// Asks for pages of the console as often as open browsers do, until it is aborted.
async fn watch_console(console: String) {
    let Ok(http) = crate::http::client().no_proxy().timeout(REFRESH).build() else { return };
    loop {
        for page in OPEN_PAGES {
            if let Ok(answer) = http.get(format!("{console}/{page}")).send().await {
                let _ = answer.bytes().await;
            }
        }
        tokio::time::sleep(REFRESH).await;
    }
}
