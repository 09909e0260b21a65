//! `bin/bench --messages`: throughput and latency of deliveries, in the process and through RabbitMQ.

#[allow(
    clippy::disallowed_methods,
    reason = "the benchmark uses the database and the environment without the application"
)]
#[allow(unused_imports, reason = "the tests use more of the module")]
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
/// Longer than any step should take, so that a hang becomes a failure.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How many shares to deliver from a backlog, and for how long to write notes.
struct Options {
    backlog: usize,
    seconds: u64,
}

/// The measurement of one transport.
struct Figures {
    transport: &'static str,
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
            // `cargo bench` adds it.
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
    let mut transports = vec![("in process", String::new())];
    transports.extend(broker.as_ref().map(|broker| ("through RabbitMQ", broker.url.clone())));
    let measured: Vec<Figures> =
        transports.iter().map(|(name, url)| runtime.block_on(measure(&web, name, url, &options))).collect();
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
            figures.transport,
            figures.backlog_seconds,
            options.backlog as f64 / figures.backlog_seconds,
            figures.notes_a_second,
            figures.median,
            figures.slowest
        );
    }
}

/// Measures one transport with a new team.
async fn measure(web: &Server, transport: &'static str, amqp_url: &str, options: &Options) -> Figures {
    let app = App::of(web);
    let author = Person::founder(&app).await;
    for _ in 0..2 {
        author.colleague(&app).await;
    }
    let script = author.script(&app).await;
    let admin = database::admin().await;
    let tenant = author.tenant_id;
    // Creates the broker's queue and delivers the messages of the members' registration before the
    // measurement.
    let first = worker(amqp_url).await;
    until_delivered(&admin, tenant).await;
    first.stop_async().await;

    share(&script, |written| written < options.backlog).await;
    let worker = worker(amqp_url).await;
    let started = Instant::now();
    until_delivered(&admin, tenant).await;
    let backlog_seconds = started.elapsed().as_secs_f64();
    assert_eq!(
        deliveries(&admin, tenant).await,
        2 * i64::try_from(options.backlog).expect("a number"),
        "not all shares arrived"
    );

    let latest: chrono::DateTime<chrono::Utc> =
        admin.query_one("SELECT clock_timestamp()", &[]).await.expect("a time").get(0);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let written = share(&script, |_| Instant::now() < end).await;
    until_delivered(&admin, tenant).await;
    worker.stop_async().await;
    let latencies = latency_percentiles(&admin, tenant, latest).await;
    Figures {
        transport,
        backlog_seconds,
        notes_a_second: written as f64 / options.seconds as f64,
        median: latencies[0],
        slowest: latencies[1],
    }
}

/// The 50th and the 99th percentile of the milliseconds from the commit of a share to its delivery.
async fn latency_percentiles(admin: &Client, tenant: i64, since: chrono::DateTime<chrono::Utc>) -> Vec<f64> {
    let sql = "SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                   ORDER BY 1000 * extract(epoch FROM acknowledged_at - created_at)::float8)
               FROM outbox WHERE tenant_id = $1 AND created_at > $2";
    admin.query_one(sql, &[&tenant, &since]).await.expect("percentiles").get(0)
}

/// Starts a worker and waits until it is ready.
async fn worker(amqp_url: &str) -> Server {
    let builder = ServerBuilder::new().set("AMQP_URL", amqp_url).set("RUST_LOG", "warn").worker();
    builder.start_async().await
}

/// Lets the clients write shared notes while `go_on` allows, which gets the number of notes begun. Returns
/// how many they wrote.
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

/// How many shares have arrived in an inbox.
async fn deliveries(admin: &Client, tenant: i64) -> i64 {
    let rows = "SELECT count(*) FROM shared_notes WHERE tenant_id = $1";
    admin.query_one(rows, &[&tenant]).await.expect("a count").get(0)
}

/// Waits until all messages of the tenant are acknowledged.
async fn until_delivered(admin: &Client, tenant: i64) {
    let open = "SELECT EXISTS (SELECT FROM outbox WHERE tenant_id = $1 AND acknowledged_at IS NULL)";
    let end = Instant::now() + TIMEOUT;
    while admin.query_one(open, &[&tenant]).await.expect("an answer").get(0) {
        assert!(Instant::now() < end, "not everything was delivered within {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
