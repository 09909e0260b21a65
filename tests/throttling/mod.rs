//! What slows guesses down. Each test has names and addresses of its own: the server trusts a proxy on
//! loopback, and the tests say in X-Forwarded-For from where they come.

mod crowded_name;
mod devices;
mod directory;
mod logins;
mod other_attempts;
mod shared_names;

use serde_json::json;

use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App, Call, spawn_app};

/// A server that trusts the proxy.
async fn behind_proxy(builder: ServerBuilder) -> (Server, App) {
    spawn_app().await;
    let server = builder.set("PROXY_TRUSTED", "127.0.0.0/8").start_async().await;
    let app = App::of(&server);
    (server, app)
}

/// The same with the limits that are the default, and its console.
async fn server_with_limits() -> (Server, App, App) {
    let builder =
        ServerBuilder::new().without("SIGN_UPS_PER_ADDRESS").without("FAILURES_PER_ADDRESS").with_console();
    let (server, app) = behind_proxy(builder).await;
    let console = App::console_of(&server);
    (server, app, console)
}

/// An address in a network of its own.
fn new_address() -> String {
    let part = || fastrand::u16(..);
    format!("fd{:02x}:{:x}:{:x}:{:x}::1", fastrand::u8(..), part(), part(), part())
}

trait Sender {
    fn sent_from(self, address: &str) -> Self;
}

impl Sender for Call {
    fn sent_from(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }
}

fn login(name: &str, password: &str, tenant_id: i64) -> Call {
    let body = json!({"username": name, "password": password, "tenant_id": tenant_id});
    Call::new("POST", "/api/login").json(&body)
}

/// Sends a call that must not be throttled, again while the server is busy.
async fn admitted(app: &App, call: Call) -> Answer {
    crate::support::retry_until_ok(async || {
        let answer = app.answer(call.clone()).await;
        if answer.status == 503 { Err("busy") } else { Ok(answer) }
    })
    .await
}

/// Sends calls until one is throttled, which is the answer. The first `free` are answered with `status`. On a
/// slow machine some more are, as used attempts come back with time.
async fn until_throttled(app: &App, free: usize, status: u16, call: impl Fn(usize) -> Call) -> Answer {
    for number in 0..2 * free + 3 {
        let answer = admitted(app, call(number)).await;
        if answer.status == 429 && number >= free {
            assert_throttled(&answer);
            return answer;
        }
        assert_eq!(answer.status, status, "{number}: {}", answer.text());
    }
    panic!("{} calls were let in", 2 * free + 3);
}

#[track_caller]
fn assert_throttled(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=900).contains(&wait), "{wait} s");
}

/// Password hashes that the server has computed.
async fn hashes(console: &App) -> u64 {
    console.metric("pigeonhole_password_hashes_total").await
}
