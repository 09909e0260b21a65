//! What a worker answers at its address, and what `check --worker` says of one that is ready, frozen, cut off
//! or gone.

use rustix::process::Signal;

use super::fixture::MessagingFixture;
use crate::support::command::CommandOutput;
use crate::support::postgres::free_port;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Call, eventually, http, run_blocking};

const TOKEN: &str = "a token of more than thirty-two characters";

/// A worker that listens, without a broker when `amqp_url` is empty.
struct Listening {
    builder: ServerBuilder,
    port: u16,
    server: Server,
}

impl Listening {
    async fn start(builder: ServerBuilder, amqp_url: &str) -> Self {
        let port = free_port();
        let builder = builder.set("ADMIN_BIND", format!("127.0.0.1:{port}")).set("AMQP_URL", amqp_url);
        let server = builder.clone().worker().start_async().await;
        Self { builder, port, server }
    }

    fn app(&self) -> App {
        App {
            base: format!("http://127.0.0.1:{}", self.port),
            address: ([127, 0, 0, 1], self.port).into(),
            http: http::client().build().expect("a client"),
            log: self.server.log_path().to_owned(),
        }
    }

    async fn check(&self) -> CommandOutput {
        check(&self.builder).await
    }

    async fn until_ready(&self) {
        eventually("ready", async || self.check().await.code == Some(0)).await;
    }
}

async fn check(builder: &ServerBuilder) -> CommandOutput {
    let builder = builder.clone().arguments(&["--worker"]);
    run_blocking(move || builder.spawn("check").finish()).await
}

fn expect_unhealthy(said: &CommandOutput, words: &str) {
    assert_eq!(said.code, Some(1), "{}", said.output);
    assert!(said.output.contains(words), "no {words:?} in {}", said.output);
}

#[tokio::test]
async fn a_worker_that_is_frozen_cut_off_or_gone_is_not_ready() {
    let fixture = MessagingFixture::create().await;
    let (web, _) = fixture.web().await;
    let worker = Listening::start(fixture.builder(), "").await;
    worker.until_ready().await;
    assert!(worker.check().await.output.contains("ready"));

    worker.server.signal(Signal::STOP);
    expect_unhealthy(&worker.check().await, "does not answer");
    worker.server.signal(Signal::CONT);
    worker.until_ready().await;

    let builder = worker.builder.clone();
    worker.server.kill_async().await;
    expect_unhealthy(&check(&builder).await, "nothing answers");
    expect_unhealthy(&check(&fixture.builder()).await, "ADMIN_BIND is off");
    let serve = fixture.builder().set("WORKER", "off").with_console().start_async().await;
    let console = serve.console.rsplit(':').next().expect("a port");
    let asked = check(&fixture.builder().set("ADMIN_BIND", format!("127.0.0.1:{console}"))).await;
    expect_unhealthy(&asked, "it is no worker");

    let nowhere = format!("amqp://pigeonhole:secret@127.0.0.1:{}/", free_port());
    let cut_off = Listening::start(fixture.builder(), &nowhere).await;
    eventually("no broker", async || cut_off.check().await.output.contains("the broker cannot be reached"))
        .await;
    cut_off.app().get("/livez").await.expect(200);
    assert_eq!(cut_off.server.stop_async().await, 0);
    web.stop_async().await;
}

#[tokio::test]
async fn a_worker_gives_its_metrics_to_programs_that_know_the_token() {
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let worker = Listening::start(fixture.builder().set("ADMIN_TOKEN", TOKEN), "").await;
    people.share().await.expect(201);
    fixture.wait_until(people.tenant(), "acknowledged", 1).await;
    worker.until_ready().await;

    let own = worker.app();
    let foreign = |path| Call::new("GET", path).header("host", "10.1.2.3:5002");
    for open in ["/livez", "/readyz"] {
        own.answer(foreign(open)).await.expect(200);
    }
    own.get("/metrics").await.expect(401);
    own.answer(foreign("/metrics")).await.expect(421);
    own.get("/verdicts").await.expect(404);
    own.answer(Call::new("POST", "/metrics").form(&[])).await.expect(405);
    let bearer = format!("Bearer {TOKEN}");
    let text = own.answer(foreign("/metrics").header("authorization", &bearer)).await.expect(200).text();
    for name in [
        "pigeonhole_messages_total{result=\"acknowledged\"} ",
        "pigeonhole_outbox_messages{state=\"pending\"} 0\n",
        "pigeonhole_pool_connections_limit{",
        "pigeonhole_database_errors_total{class=\"timeout\"} 0\n",
        "pigeonhole_uptime_seconds ",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(name), "no {name} in\n{text}");
    }
    assert!(!text.contains("pigeonhole_messages_total{result=\"acknowledged\"} 0\n"), "{text}");
    assert!(!text.contains("pigeonhole_http_request"), "{text}");
    assert_eq!(worker.server.stop_async().await, 0);
}

#[tokio::test]
async fn an_address_in_use_is_skipped_unless_the_operator_chose_it() {
    let fixture = MessagingFixture::create().await;
    let (web, _) = fixture.web().await;
    let default = || fixture.builder().without("ADMIN_BIND").worker();
    let (first, second) = (default().start_async().await, default().start_async().await);
    assert!(second.log().contains("127.0.0.1:5002 is in use"), "{}", second.log());
    assert_eq!((first.stop_async().await, second.stop_async().await), (0, 0));

    let worker = Listening::start(fixture.builder(), "").await;
    let refused = worker.builder.clone().worker().refusal_async().await;
    assert!(refused.output.contains("set ADMIN_BIND to another port"), "{}", refused.output);
    assert_eq!(worker.server.stop_async().await, 0);
    web.stop_async().await;
}
