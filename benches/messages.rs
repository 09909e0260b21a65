//! `bin/bench --messages`: what delivering gives and how long it takes, with and without RabbitMQ.

#[allow(
    clippy::disallowed_methods,
    reason = "the program looks at the database and the environment from beside the application"
)]
#[allow(unused_imports, reason = "the tests use more of it")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::Client;

use support::broker::Broker;
use support::server::{Server, ServerBuilder};
use support::{App, Person, Script, database, environment};

const CLIENTS: usize = 8;
/// Longer than any of it should take; a hang then becomes a failure.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How much of it.
struct Options {
    backlog: usize,
    seconds: u64,
}

/// What was measured in one way of delivering.
struct Figures {
    way: &'static str,
    backlog_seconds: f64,
    notes_a_second: f64,
    median: f64,
    slowest: f64,
}

fn main() {
    let mut options = Options { backlog: 5_000, seconds: 10 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--backlog" => options.backlog = number(),
            "--seconds" => options.seconds = number() as u64,
            // Cargo's own.
            "--bench" => {}
            _ => panic!("unknown argument {argument} (see bin/bench --help)"),
        }
    }
    let broker = environment::rabbitmq_server().map(Broker::start_with);
    let builder = ServerBuilder::new().set("RUST_LOG", "warn").set("WORKER", "off");
    let migrated = builder.run("migrate");
    assert_eq!(migrated.code, Some(0), "migrate: {}", migrated.output);
    let web = builder.start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut ways = vec![("in process", String::new())];
    ways.extend(broker.as_ref().map(|broker| ("through RabbitMQ", broker.url.clone())));
    let measured: Vec<Figures> =
        ways.iter().map(|(way, url)| runtime.block_on(measure(&web, way, url, &options))).collect();
    print(&options, &measured);
    web.stop();
}

fn print(options: &Options, measured: &[Figures]) {
    println!();
    println!(
        "a backlog of {} shares with everyone in a team of three, then {CLIENTS} clients without a pause \
         for {} s:",
        options.backlog, options.seconds
    );
    println!(
        "| messages         | backlog, s | shares/s | notes written/s | commit to inbox, p50 ms | p99 ms |"
    );
    println!(
        "| ---------------- | ---------: | -------: | --------------: | ----------------------: | -----: |"
    );
    for figures in measured {
        println!(
            "| {:<16} | {:>10.1} | {:>8.0} | {:>15.0} | {:>23.1} | {:>6.1} |",
            figures.way,
            figures.backlog_seconds,
            options.backlog as f64 / figures.backlog_seconds,
            figures.notes_a_second,
            figures.median,
            figures.slowest
        );
    }
}

/// Both measurements in a team of its own.
async fn measure(web: &Server, way: &'static str, amqp_url: &str, options: &Options) -> Figures {
    let app = App::of(web);
    let author = Person::founder(&app).await;
    for _ in 0..2 {
        author.colleague(&app).await;
    }
    let script = author.script(&app).await;
    let admin = database::admin().await;
    let tenant = author.tenant_id;
    // A worker has been here before, so the broker's queue and the newcomers' messages are no part of it.
    let before = worker(amqp_url).await;
    until_done(&admin, tenant).await;
    before.stop_aside().await;

    share(&script, |written| written < options.backlog).await;
    let working = worker(amqp_url).await;
    let started = Instant::now();
    until_done(&admin, tenant).await;
    let backlog_seconds = started.elapsed().as_secs_f64();
    assert_eq!(
        arrived(&admin, tenant).await,
        2 * i64::try_from(options.backlog).expect("a number"),
        "not all shares arrived"
    );

    let latest: chrono::DateTime<chrono::Utc> =
        admin.query_one("SELECT clock_timestamp()", &[]).await.expect("a time").get(0);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let written = share(&script, |_| Instant::now() < end).await;
    until_done(&admin, tenant).await;
    working.stop_aside().await;
    let times = "SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY 1000 * extract(epoch
            FROM acknowledged_at - created_at)::float8)
                 FROM outbox WHERE tenant_id = $1 AND created_at > $2";
    let percentiles: Vec<f64> = admin.query_one(times, &[&tenant, &latest]).await.expect("times").get(0);
    Figures {
        way,
        backlog_seconds,
        notes_a_second: written as f64 / options.seconds as f64,
        median: percentiles[0],
        slowest: percentiles[1],
    }
}

/// Starts a worker, which has said by then that it works.
async fn worker(amqp_url: &str) -> Server {
    let builder = ServerBuilder::new().set("AMQP_URL", amqp_url).set("RUST_LOG", "warn").worker();
    builder.start_aside().await
}

/// Clients that write notes for everyone for as long as they may, and how many they wrote.
async fn share(script: &Script, go_on: impl Fn(usize) -> bool) -> usize {
    let begun = Arc::new(AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|_| {
        let begun = Arc::clone(&begun);
        let go_on = &go_on;
        async move {
            let mut written = 0;
            while go_on(begun.fetch_add(1, Ordering::Relaxed)) {
                let body = json!({"content": "Flour is here at six.", "share_with": "everyone"});
                script.post("/api/notes", &body).await.expect(201);
                written += 1;
            }
            written
        }
    });
    futures_util::future::join_all(clients).await.into_iter().sum()
}

async fn arrived(admin: &Client, tenant: i64) -> i64 {
    let rows = "SELECT count(*) FROM shared_notes WHERE tenant_id = $1";
    admin.query_one(rows, &[&tenant]).await.expect("a count").get(0)
}

/// Waits until nothing of the tenant is on its way.
async fn until_done(admin: &Client, tenant: i64) {
    let open = "SELECT EXISTS (SELECT FROM outbox WHERE tenant_id = $1 AND acknowledged_at IS NULL)";
    let end = Instant::now() + TIMEOUT;
    while admin.query_one(open, &[&tenant]).await.expect("an answer").get(0) {
        assert!(Instant::now() < end, "not everything was delivered within {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
