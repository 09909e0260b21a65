//! `GET /metrics` of the console.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use pigeonhole::metrics::{ADDED_BY_THE_CONSOLE, NAMES};

use super::console_server::ConsoleServer;
use crate::support::faulty_proxy::FaultyProxy;
use crate::support::server::ServerBuilder;
use crate::support::{Person, environment, within_timeout};

/// Metrics without a sample on a server that has just started.
fn without_samples() -> BTreeSet<&'static str> {
    let of_clusters = ["pigeonhole_node_disk_free_bytes", "pigeonhole_node_disk_bytes"];
    let of_tenants = ["pigeonhole_tenant_statements", "pigeonhole_tenant_seconds"];
    if environment::on_citus() {
        of_tenants.into()
    } else {
        of_clusters.into_iter().chain(of_tenants).collect()
    }
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_include_every_documented_name() {
    let (console, _database) = ConsoleServer::start().await;
    let script = Person::founder(&console.app).await.script(&console.app).await;
    let note = script.note("Counted").await;
    script.read(note).await;
    for _ in 0..3 {
        script.get("/api/notes").await.expect(200);
    }
    console.app.get("/nowhere/at-all").await.expect(404);
    console.app.get("/metrics").await.expect(404);
    let answer = console.get("/metrics").await.expect(200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for (labels, count) in [
        ("route=\"/api/notes\",method=\"GET\",status=\"200\"", 3),
        ("route=\"/api/notes\",method=\"POST\",status=\"201\"", 1),
        ("route=\"/api/notes/{id}\",method=\"GET\",status=\"200\"", 1),
        ("route=\"other\",method=\"GET\",status=\"404\"", 2),
    ] {
        let line = format!("pigeonhole_http_request_duration_seconds_count{{{labels}}} {count}\n");
        assert!(text.contains(&line), "{line} in\n{text}");
    }
    assert!(
        !text.contains("nowhere") && !text.contains(&format!("/api/notes/{note}")),
        "a raw path became a label:\n{text}"
    );
    assert!(
        text.contains("pigeonhole_outbox_readable 1\n") && text.contains("pigeonhole_sessions "),
        "{text}"
    );

    let typed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, _)| name)
        .collect();
    let known: BTreeSet<&str> = NAMES.iter().chain(ADDED_BY_THE_CONSOLE).map(|(name, ..)| *name).collect();
    let unknown: Vec<_> = typed.difference(&known).collect();
    assert!(unknown.is_empty(), "undocumented: {unknown:?}");
    let missing: Vec<_> =
        known.difference(&typed).filter(|name| !without_samples().contains(**name)).collect();
    assert!(missing.is_empty(), "no value of {missing:?} in\n{text}");
    assert_promtool_accepts(&text);
}

#[tokio::test]
async fn a_node_of_this_machine_works_on_one_call_more_than_it_has_cores() {
    let (console, database) = ConsoleServer::start().await;
    Person::founder(&console.app).await.script(&console.app).await.note("on a connection").await;
    let text = console.get("/metrics").await.expect(200).text();
    let limits: Vec<usize> = text
        .lines()
        .filter(|line| line.starts_with("pigeonhole_pool_calls_limit") && line.contains("\"tenants\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect();
    let cores = database.client().await.query_one("SELECT shared.node_cores()", &[]).await;
    let cores = usize::try_from(cores.expect("a number").get::<_, i32>(0)).expect("some");
    let processors = std::fs::read_to_string("/proc/cpuinfo").expect("the kernel's list");
    let processors = processors.lines().filter(|line| line.starts_with("processor")).count();
    assert!((1..=processors).contains(&cores), "{cores} of {processors}");
    assert!(limits.contains(&(cores + 1).min(16)), "{limits:?} with {cores} cores");
}

#[tokio::test]
async fn metrics_are_served_while_the_database_hangs() {
    let proxy = FaultyProxy::to_database().await;
    let console = ConsoleServer::start_with(
        ServerBuilder::new().set("DATABASE_URL", &proxy.url).set("NODE_TIMEOUT", "2"),
    )
    .await;
    console.app.get("/login").await.expect(200);
    assert!(console.get("/metrics").await.expect(200).text().contains("pigeonhole_node_up{"));
    proxy.stop_answering();
    let asked = async {
        let text = console.get("/metrics").await.expect(200).text();
        console.get("/application").await.expect(200);
        text
    };
    let text = within_timeout("an answer all the same", asked).await;
    assert!(text.contains("route=\"/login\",method=\"GET\",status=\"200\"} 1\n"), "{text}");
    let up: Vec<&str> = text.lines().filter(|line| line.starts_with("pigeonhole_node_up{")).collect();
    assert!(up.iter().any(|line| line.ends_with(" 0")), "{up:?}");
}

/// promtool accepts the text. Not checked where promtool is not installed.
fn assert_promtool_accepts(text: &str) {
    let Ok(mut tool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        eprintln!("*** promtool is not there, so the format of /metrics is NOT CHECKED");
        return;
    };
    tool.stdin.take().expect("standard input").write_all(text.as_bytes()).expect("written");
    let output = tool.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}
