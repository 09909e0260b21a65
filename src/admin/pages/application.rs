//! The application beside the console: requests, latencies, errors, waits and failed messages.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use futures_util::future::join;
use serde::Serialize;

use crate::admin::application::{Application, RequestSummary};
use crate::admin::chart::{Chart, clock, number};
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::messaging::{Backlog, BacklogError, MessageName};
use crate::metrics::Point;
use crate::monitor::{Cell, Severity, Table, bytes, seconds};
use crate::store::BacklogMessage;

/// Failed messages that are listed.
const LISTED: i64 = 20;

#[derive(Template)]
#[template(path = "admin/application.html")]
struct ApplicationPage<'a> {
    frame: ConsoleFrame,
    numbers: &'a ApplicationNumbers,
    charts: Vec<Chart>,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct ApplicationNumbers {
    at: DateTime<Utc>,
    #[serde(flatten)]
    application: Application,
    /// Messages that failed for good, the oldest failure first; `None` when they could not be read.
    failed_messages: Option<Vec<FailedMessage>>,
}

#[derive(Serialize)]
struct FailedMessage {
    /// TENANT/MESSAGE.
    message: String,
    route: String,
    attempts: i32,
    failed_at: Option<DateTime<Utc>>,
    last_error: String,
}

/// GET /application
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let application = Application::read(&console.application, &console.figures, frame.span.length());
    let (application, failed_messages) = join(application, failed(&console)).await;
    let failed_messages =
        failed_messages.inspect_err(|error| log::debug!("failed messages are not shown: {error}")).ok();
    let numbers = ApplicationNumbers { at: Utc::now(), application, failed_messages };
    Ok(format.show(&numbers, |tables| ApplicationPage {
        frame,
        numbers: &numbers,
        charts: charts(&numbers.application),
        tables,
    })?)
}

async fn failed(console: &Console) -> Result<Vec<FailedMessage>, BacklogError> {
    let backlog = Backlog::connect(&console.config, console.settings.cluster.node_timeout).await?;
    let messages = backlog.failed(LISTED).await?;
    Ok(messages.into_iter().map(FailedMessage::from).collect())
}

impl From<BacklogMessage> for FailedMessage {
    fn from(message: BacklogMessage) -> Self {
        Self {
            message: MessageName::of(&message).to_string(),
            route: message.route,
            attempts: message.attempts,
            failed_at: message.since,
            last_error: message.last_error,
        }
    }
}

impl ApplicationPage<'_> {
    /// The page's summary.
    fn sentence(&self) -> String {
        let requests = &self.numbers.application.requests;
        if requests.requests == 0 {
            return "No requests in this time.".to_owned();
        }
        let errors =
            if requests.errors == 0 { "no errors".to_owned() } else { format!("{} errors", requests.errors) };
        format!(
            "{} requests, half of them within {} ms, 99 of 100 within {} ms, {errors}",
            requests.requests,
            ms(requests.p50),
            ms(requests.p99)
        )
    }

    /// Whether the history is shorter than the selected time.
    fn is_cut(&self) -> bool {
        self.frame.span.length() > Duration::from_secs(24 * 3600)
    }

    fn has_failed(&self) -> bool {
        self.numbers.application.messages.backlog.as_ref().is_some_and(|backlog| backlog.failed > 0)
            || self.numbers.failed_messages.as_ref().is_some_and(|failed| !failed.is_empty())
    }
}

#[allow(clippy::cast_precision_loss, reason = "points of a picture")]
fn charts(application: &Application) -> Vec<Chart> {
    let series = &application.series;
    let times: Vec<u64> = series.iter().map(|point| point.at).collect();
    let count =
        |value: fn(&Point) -> u64| series.iter().map(|point| Some(value(point) as f64)).collect::<Vec<_>>();
    vec![
        Chart::new(
            "Requests per second",
            &times,
            &[("all", series.iter().map(|point| Some(point.per_second)).collect())],
        ),
        Chart::new(
            "Latency in ms",
            &times,
            &[
                ("p50", series.iter().map(|point| point.p50).collect()),
                ("p99", series.iter().map(|point| point.p99).collect()),
            ],
        ),
        Chart::new(
            "Errors",
            &times,
            &[("5xx", count(|point| point.errors)), ("4xx", count(|point| point.client_errors))],
        ),
        Chart::new(
            "Waits",
            &times,
            &[
                ("connections", count(|point| point.pool_waits)),
                ("passwords", count(|point| point.hashes_waiting)),
            ],
        ),
    ]
}

impl View for ApplicationNumbers {
    fn tables(&self) -> Vec<Table> {
        let application = &self.application;
        let mut tables =
            vec![by_route(application), pools(application), waits(application), messages(application)];
        if let Some(failed) = &self.failed_messages {
            tables.push(failed_sheet(failed));
        }
        tables.extend([over_time(application), build(application)]);
        tables
    }
}

fn ms(time: Option<f64>) -> String {
    time.map_or_else(|| "–".to_owned(), number)
}

fn figures(requests: &RequestSummary) -> [String; 6] {
    [
        requests.requests.to_string(),
        number(requests.per_second),
        ms(requests.p50),
        ms(requests.p99),
        requests.client_errors.to_string(),
        requests.errors.to_string(),
    ]
}

fn by_route(application: &Application) -> Table {
    let mut table = Table::new(
        "Requests by route",
        &["route", "#requests", "#per second", "#p50 ms", "#p99 ms", "#4xx", "#5xx"],
    )
    .when_empty("No requests in this time.");
    for line in &application.routes {
        let name = if line.method == line.route {
            line.route.to_owned()
        } else {
            format!("{} {}", line.method, line.route)
        };
        let row = table.row(std::iter::once(name).chain(figures(&line.requests)));
        row.severity = (line.requests.errors > 0).then_some(Severity::Warning);
    }
    if !application.routes.is_empty() {
        table.row(std::iter::once("all".to_owned()).chain(figures(&application.requests)));
    }
    table
}

fn pools(application: &Application) -> Table {
    let heads = [
        "node",
        "pool",
        "#in use",
        "#open",
        "#limit",
        "#at once",
        "#waiting",
        "#waits",
        "#waited",
        "#timed out",
        "#refused",
    ];
    let mut table = Table::new("Connections to the database", &heads);
    for pool in &application.pools {
        let row = table.row([
            pool.node.clone(),
            pool.pool.to_owned(),
            pool.in_use.to_string(),
            pool.open.to_string(),
            pool.limit.to_string(),
            pool.at_once.to_string(),
            pool.waiting.to_string(),
            pool.waits.to_string(),
            seconds(pool.waited_seconds),
            pool.given_up.to_string(),
            pool.refused.to_string(),
        ]);
        row.severity = (pool.waiting > 0).then_some(Severity::Warning);
    }
    table
}

fn waits(application: &Application) -> Table {
    let (routing, passwords, sessions) =
        (&application.routing, &application.passwords, &application.sessions);
    let mut table = Table::new("Since the start", &["what", "#count"]);
    for (what, count) in [
        ("statements run on the shard's own tables", routing.shard),
        ("statements sent to the shard's node", routing.node),
        ("statements sent to the coordinator or the only server", routing.coordinator),
        ("misses: the shard had moved", routing.moved),
        ("misses: the node failed, and the coordinator did the work", routing.fallback),
        ("password hashes", passwords.hashed),
        ("password hashes that wait now", passwords.waiting),
        ("password hashes refused, as all cores were busy", passwords.refused),
        ("sessions found in memory", sessions.cache_hits),
        ("sessions looked up", sessions.cache_misses),
    ] {
        table.row([what.to_owned(), count.to_string()]);
    }
    if let Some(alive) = sessions.alive {
        table.row(["sessions that have not expired, of all tenants".to_owned(), alive.to_string()]);
    }
    for (class, count) in application.database_errors.iter().filter(|(_, count)| *count > 0) {
        table.row([format!("failed calls of the database, {class}"), count.to_string()]);
    }
    table
}

fn messages(application: &Application) -> Table {
    let messages = &application.messages;
    let mut table = Table::new("Messages", &["what", "#count"]);
    match &messages.backlog {
        None => {
            table.row(["the outbox could not be read", ""]).severity = Some(Severity::Warning);
        }
        Some(backlog) => {
            table.row(["waiting".to_owned(), backlog.pending.to_string()]);
            table.row(["at the broker".to_owned(), backlog.published.to_string()]);
            table.row([
                "age of the oldest".to_owned(),
                messages.oldest_seconds.map_or_else(|| "–".to_owned(), seconds),
            ]);
            let row = table.row(["failed for good".to_owned(), backlog.failed.to_string()]);
            row.severity = (backlog.failed > 0).then_some(Severity::Warning);
        }
    }
    let handled = &messages.handled;
    table
        .row(["done by this process per minute, over the last five".to_owned(), number(messages.per_minute)]);
    for (what, count) in [
        ("done by this process since the start", handled.acknowledged),
        ("published to the broker since the start", handled.relayed),
        ("failures in this process since the start, tried again", handled.retried),
        ("given up by this process since the start", handled.dead),
    ] {
        table.row([what.to_owned(), count.to_string()]);
    }
    table
}

fn failed_sheet(failed: &[FailedMessage]) -> Table {
    let heads = ["message", "route", "#attempts", "since", "why", "try again", "give up"];
    let mut table = Table::new("Messages that failed for good", &heads);
    for line in failed {
        let link = |action: &str| format!("/messages/{action}/new?message={}", line.message);
        table.row([
            Cell::from(line.message.as_str()),
            Cell::from(line.route.as_str()),
            Cell::from(line.attempts.to_string()),
            Cell::from(
                line.failed_at.map_or_else(String::new, |at| at.format("%-d %b %H:%M:%S").to_string()),
            ),
            Cell::code(line.last_error.as_str()),
            Cell::linked(format!("replay {}", line.message), link("replay")),
            Cell::linked(format!("drop {}", line.message), link("removal")),
        ]);
    }
    table
}

fn over_time(application: &Application) -> Table {
    let heads = [
        "from, UTC",
        "#requests",
        "#per second",
        "#p50 ms",
        "#p99 ms",
        "#4xx",
        "#5xx",
        "#connection waits",
        "#passwords waiting",
    ];
    let mut table = Table::new("Over time", &heads);
    for point in application.series.iter().rev() {
        table.row([
            clock(point.at),
            point.requests.to_string(),
            number(point.per_second),
            ms(point.p50),
            ms(point.p99),
            point.client_errors.to_string(),
            point.errors.to_string(),
            point.pool_waits.to_string(),
            point.hashes_waiting.to_string(),
        ]);
    }
    table
}

fn build(application: &Application) -> Table {
    let mut table = Table::new("Build and schema", &["what", "is"]);
    table.row(["version", application.build.version]);
    table.row(["commit", application.build.commit]);
    table
        .row(["runs since".to_owned(), application.started_at.format("%-d %b %Y, %H:%M:%S UTC").to_string()]);
    if let Some(process) = &application.process {
        table.row(["memory".to_owned(), bytes(i64::try_from(process.resident_bytes).unwrap_or(i64::MAX))]);
        table.row(["processor time".to_owned(), seconds(process.cpu_seconds)]);
        table.row(["open files".to_owned(), process.open_files.to_string()]);
    }
    match &application.migrations {
        None => {
            table.row(["migrations", "the database did not answer"]);
        }
        Some(migrations) => {
            for migration in migrations {
                let at = migration
                    .applied_at
                    .map_or_else(String::new, |at| at.format("applied %-d %b %Y, %H:%M UTC").to_string());
                table.row([migration.name.clone(), at]);
            }
        }
    }
    table
}
