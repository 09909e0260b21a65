//! What the log contains of refusals: one line for each, with tenant, user, address and request.

use futures_util::StreamExt;
use serde_json::json;

use crate::support::{
    Answer, App, Browser, Call, Person, Team, raw_http,
    server::{Server, ServerBuilder},
};

/// A server of the test's own: the limits on lines count all clients of a server, and all tests have one
/// address.
async fn server_alone() -> (Server, App) {
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    (server, app)
}

/// Fails unless the log has exactly one line of the target `security` about the request behind the answer,
/// with these parts.
#[track_caller]
fn assert_one_line(app: &App, answer: &Answer, parts: &[&str]) {
    let field = format!("request={}", answer.header("x-request-id"));
    let log = app.log();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.ends_with(&field) && line.contains(" security] ")).collect();
    let [line] = lines.as_slice() else { panic!("not one line for {parts:?}: {lines:?}") };
    for part in parts.iter().chain(&["address 127.0.0.1"]) {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

fn of(person: &Person) -> String {
    format!("tenant {}, user {}", person.tenant_id, person.user_id)
}

#[tokio::test]
async fn each_refused_right_has_a_line_with_the_route_and_the_user() {
    let (_server, app) = server_alone().await;
    let Team { member, .. } = Team::create(&app).await;
    let (browser, script) = (member.browser(&app).await, member.script(&app).await);
    let refused = browser.post("/invitations", &[("role", "owner")]).await.expect(403);
    assert_one_line(&app, &refused, &["right refused at POST /invitations (", &of(&member)]);
    let refused = browser.get("/account/export/organization").await.expect(403);
    assert_one_line(&app, &refused, &["right refused at GET /account/export/organization (", &of(&member)]);
    let refused = script.post("/api/invitations", &json!({"role": "owner"})).await.expect(403);
    assert_one_line(&app, &refused, &["right refused at POST /api/invitations (", &of(&member)]);
    let path = format!("/api/members/{}", member.user_id + 1);
    let refused = script.patch(&path, &json!({"role": "owner"})).await;
    if refused.status == 403 {
        assert_one_line(&app, &refused, &["right refused at PATCH /api/members/{", &of(&member)]);
    }
}

#[tokio::test]
async fn a_wrong_current_password_and_each_ended_session_have_a_line() {
    let (_server, app) = server_alone().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let others = [person.browser(&app).await, person.browser(&app).await];
    let fields = [("current_password", "not my password"), ("password", "a new password of mine")];
    let wrong = browser.post_retrying("/account/password", &fields).await.expect(422);
    assert_one_line(&app, &wrong, &["wrong current password", &of(&person)]);

    let page = browser.page("/account").await;
    let form = page.all("form[action^='/account/sessions/']:not([action$='sessions/revocation'])");
    let path = form.first().expect("another session").value().attr("action").expect("a path").to_owned();
    let ended = browser.post(&path, &[]).await.expect(303);
    assert_one_line(&app, &ended, &["ended a session", &of(&person)]);
    let ended = browser.post("/account/sessions/revocation", &[]).await.expect(303);
    assert_one_line(&app, &ended, &["ended all other sessions", &of(&person)]);
    for other in others {
        let refused = other.get("/dashboard").await.expect(303);
        let claimed = format!("token of tenant {}", person.tenant_id);
        assert_one_line(&app, &refused, &["token refused at GET /dashboard", "no login", &claimed]);
    }
    let left = browser.post("/logout", &[]).await.expect(303);
    assert_one_line(&app, &left, &["logged out", &of(&person)]);
}

#[tokio::test]
async fn foreign_hosts_origins_tokens_and_sizes_have_a_line_without_the_path() {
    let (_server, app) = server_alone().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let call = Call::new("GET", "/invitations/phi_7_abc?next=x").header("host", "evil.test");
    assert_one_line(
        &app,
        &app.answer(call).await.expect(421),
        &["host refused at GET /invitations/{token}: "],
    );
    let call = Call::new("POST", "/login").form(&[]).header("sec-fetch-site", "cross-site");
    assert_one_line(&app, &app.answer(call).await.expect(403), &["origin refused at POST /login: no login"]);
    let call = Call::new("POST", "/unknown/phi_7_abc").form(&[]).header("origin", "https://evil.test");
    assert_one_line(&app, &app.answer(call).await.expect(403), &["origin refused at POST (unmatched): "]);

    for (token, part) in [(None, "no login"), (Some("no token"), "no login"), (Some(&*dead(7)), "tenant 7")] {
        let call = Call::new("GET", "/api/me");
        let call = if let Some(token) = token { call.bearer(token) } else { call };
        assert_one_line(&app, &app.answer(call).await.expect(401), &["token refused at GET /api/me", part]);
    }
    let call = Call::new("GET", "/dashboard").header("cookie", "pigeonhole=forged");
    assert_one_line(
        &app,
        &app.answer(call).await.expect(303),
        &["token refused at GET /dashboard: no login"],
    );
    let gone = app.get("/invitations/phi_7_abc").await.expect(404);
    assert_one_line(&app, &gone, &["token in the path refused at GET /invitations/{token}: no login"]);
    let ticket = [("ticket", "forged"), ("choice", "0")];
    let refused = app.post_form("/login", &ticket).await.expect(422);
    assert_one_line(&app, &refused, &["choice between organizations refused: no login"]);

    let large = "x".repeat(8 << 20);
    let refused = browser.post("/notes", &[("content", &large)]).await.expect(413);
    assert_one_line(&app, &refused, &["size refused at POST /notes", &of(&person)]);
}

/// A well-formed bearer token of a session that does not exist.
fn dead(tenant: i64) -> String {
    format!("ph_{tenant}_{}", "a".repeat(43))
}

#[tokio::test]
async fn a_visitor_without_a_login_who_opens_a_page_is_no_refusal() {
    let (_server, app) = server_alone().await;
    let led = Browser::new(&app).get("/dashboard").await.expect(303);
    assert!(!app.log().contains(led.header("x-request-id")));
}

#[tokio::test]
async fn logins_refusals_and_actions_of_the_console_have_a_line() {
    let token = "0123456789abcdef-0123456789abcdef";
    let server = ServerBuilder::new().set("ADMIN_TOKEN", token).with_console().start_async().await;
    let console = App::console_of(&server);
    let wrong = console.post_form("/login", &[("token", "something else")]).await.expect(422);
    assert_one_line(&console, &wrong, &["wrong token for the console: no login"]);
    let refused = console.answer(Call::new("GET", "/metrics").bearer("wrong")).await.expect(401);
    assert_one_line(&console, &refused, &["wrong token for the console: no login"]);
    let refused = console.get("/metrics").await.expect(401);
    assert_one_line(&console, &refused, &["token refused at GET /metrics: no login"]);
    let forged = Call::new("GET", "/shards").header("cookie", "pigeonhole-console=1.00");
    assert_one_line(&console, &console.answer(forged).await.expect(303), &["cookie of the console refused"]);

    let browser = Browser::new(&console);
    let opened = browser.post("/login", &[("token", token)]).await.expect(303);
    assert_one_line(&console, &opened, &["logged in to the console: operator"]);
    let done = browser.post("/messages/replay", &[("message", "1/9007199254740991")]).await.expect(303);
    assert_one_line(&console, &done, &["console action POST /messages/replay: operator"]);
    let left = browser.post("/logout", &[]).await.expect(303);
    assert_one_line(&console, &left, &["console action POST /logout: operator"]);
}

/// The lines of a kind, and the number of those that were left out.
fn lines_and_left_out(log: &str, line: &str, summary: &str) -> (u64, u64) {
    let written = log.lines().filter(|text| text.contains(line)).count();
    let counts = log.lines().filter_map(|text| {
        let text = text.strip_suffix(summary)?.strip_suffix(" s were left out: ")?;
        text.split("] ").nth(1)?.split(' ').next()?.parse::<u64>().ok()
    });
    (written as u64, counts.sum())
}

/// Stops the server, which writes the last counts, and returns its log.
async fn log_of_stopped(server: Server) -> String {
    let path = server.log_path().to_owned();
    let kept = std::fs::File::open(&path).expect("the log");
    assert_eq!(server.stop_async().await, 0);
    std::io::read_to_string(kept).expect("the log")
}

/// Calls `ask` `count` times, ten at a time, and returns the whole seconds that it took, rounded up.
async fn storm<F: Future<Output = ()>>(count: usize, ask: impl Fn() -> F) -> u64 {
    let started = std::time::Instant::now();
    futures_util::stream::iter(0..count).for_each_concurrent(10, |_| ask()).await;
    started.elapsed().as_secs() + 1
}

#[tokio::test]
async fn of_10_000_refusals_the_log_has_some_lines_and_counts_the_rest() {
    let (server, app) = server_alone().await;
    let seconds = storm(10_000, async || {
        app.answer(Call::new("GET", "/livez/x").header("host", "evil.test")).await.expect(421);
    })
    .await;
    let log = log_of_stopped(server).await;
    let (written, left_out) = lines_and_left_out(&log, "host refused at", "host refused");
    assert_eq!(written + left_out, 10_000);
    assert!(written <= 5 * (seconds + 1), "{written} lines in {seconds} s");
}

#[tokio::test]
async fn heads_that_cannot_be_read_do_not_fill_the_log() {
    let (server, app) = server_alone().await;
    let seconds = storm(1_000, async || {
        let answer = raw_http::exchange(&app, b"GET / HTTP/1.1\r\nHost: a\r\n\x01: x\r\n\r\n").await;
        assert_eq!(raw_http::status(&answer), 400, "{answer}");
    })
    .await;
    let log = log_of_stopped(server).await;
    let (written, left_out) = lines_and_left_out(&log, "head refused with 400", "head refused");
    assert_eq!(written + left_out, 1_000);
    assert!(written <= 5 * (seconds + 1), "{written} lines in {seconds} s");
}
