//! Memory that bodies hold.

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::{
    OTHER, STRANGER, assert_others_are_served, connect, exchange, first_bytes, peak_mib, resident_mib, send,
    server, server_with_console, until_closed,
};
use crate::support::database::{OwnDatabase, url_of_database};
use crate::support::faulty_proxy::FaultyProxy;
use crate::support::{Call, Person, eventually, raw_http, spawn_app, within_timeout};

/// A login without a name, with a draft of `length` quote marks: the page gives the draft back, each mark as
/// five bytes.
fn login_with_draft(length: usize) -> Vec<u8> {
    let body = format!("draft_action=/notes&draft_content={}", "\"".repeat(length));
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

#[tokio::test]
async fn unread_answers_hold_a_bounded_memory_and_others_are_served() {
    let (server, app) = server(&[]).await;
    let before = resident_mib(server.pid);
    let request = login_with_draft(256 * 1024);
    let mut held = Vec::new();
    // Eight addresses, so that a quarter of the budget for each would be twice the budget.
    for host in 1..=8 {
        for _ in 0..20 {
            let mut stream = connect(&format!("127.0.5.{host}"), app.address).await;
            let _ = stream.write_all(&request).await;
            held.push(stream);
        }
    }
    let mut statuses = std::collections::BTreeMap::new();
    for stream in &mut held {
        *statuses.entry(first_bytes(stream).await).or_insert(0) += 1;
    }
    let grown = resident_mib(server.pid) - before;
    assert!(grown < 160, "{grown} MiB more, {statuses:?}");
    assert!(statuses["HTTP/1.1 422"] > 4 && statuses["HTTP/1.1 503"] > 40, "{statuses:?}");
    assert_others_are_served(app.address).await;
    let mut other = send(OTHER, app.address, &login_with_draft(16 * 1024)).await;
    assert_eq!(first_bytes(&mut other).await, "HTTP/1.1 422", "a client with a short form has room");
    // Another client's form of the same size fits, once the first have gone.
    drop(held);
    eventually("the memory is free again", async || {
        let mut stream = connect(STRANGER, app.address).await;
        let _ = stream.write_all(&request).await;
        first_bytes(&mut stream).await == "HTTP/1.1 422"
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let (_server, app, console) = server_with_console().await;
    let mut stream = send(STRANGER, app.address, &login_with_draft(256 * 1024)).await;
    assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 422");
    eventually("the reader is cut off", async || {
        console.metric(r#"pigeonhole_connection_events_total{event="slow_reader"}"#).await == 1
    })
    .await;
    let taken = until_closed(&mut stream).await.len();
    assert!(taken < 5 * 256 * 1024, "the whole answer of {taken} bytes was kept");
}

#[tokio::test]
async fn a_long_head_counts_until_its_request_is_answered() {
    let (_server, app, console) = server_with_console().await;
    let held = || console.metric("pigeonhole_body_bytes");
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nCookie: x={}\r\nContent-Length: 10\r\n\r\n",
        "x".repeat(15_000)
    );
    let stream = send(STRANGER, app.address, head.as_bytes()).await;
    eventually("the head counts", async || held().await >= 45_000).await;
    drop(stream);
    eventually("the memory is free again", async || held().await == 0).await;
}

#[tokio::test]
async fn bodies_that_are_announced_count_before_they_come() {
    let (_server, app) = server(&[]).await;
    // A client may hold a quarter of 64 MiB. These bodies, three times 240 KB each, leave room for the short
    // one of `status` alone.
    let (long, short) = (login_with_draft(256 * 1024), login_with_draft(100_000));
    let mut held = Vec::new();
    for arrives in std::iter::repeat_n(&long[..240_000], 21).chain(std::iter::repeat_n(&short[..300], 30)) {
        held.push(send(STRANGER, app.address, arrives).await);
    }
    let status = async |source: &str| {
        let mut stream = connect(source, app.address).await;
        let _ = stream.write_all(&short).await;
        first_bytes(&mut stream).await
    };
    eventually("there is no room", async || status(STRANGER).await == "HTTP/1.1 503").await;
    assert_eq!(status(OTHER).await, "HTTP/1.1 422", "another client has room");
    drop(held);
    eventually("there is room again", async || status(STRANGER).await == "HTTP/1.1 422").await;
}

#[tokio::test]
async fn an_upload_that_gives_way_to_a_client_that_holds_less_is_503() {
    let (_server, app) = server(&[]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let head = format!(
        "POST /api/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n\
         Authorization: Bearer {}\r\nContent-Length: 1000000\r\n\r\nPK",
        script.token
    );
    let mut import = send(STRANGER, app.address, head.as_bytes()).await;
    // Bodies of the same client and of three others, which hold nearly all of the budget then.
    let request = login_with_draft(256 * 1024);
    let partial = &request[..240_000];
    let mut held = Vec::new();
    for source in [STRANGER, "127.0.6.1", "127.0.6.2", "127.0.6.3"] {
        for _ in 0..20 {
            held.push(send(source, app.address, partial).await);
        }
    }
    // Those that hold less come later, until the import, the oldest of the largest, has given way.
    let newcomers = async {
        for host in 1..=50 {
            held.push(send(&format!("127.0.7.{host}"), app.address, partial).await);
        }
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = first_bytes(&mut import) => answer,
        () = newcomers => unreachable!(),
    };
    assert_eq!(answer, "HTTP/1.1 503");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_requests_that_wait_for_the_database_are_not_read_ahead() {
    let database = OwnDatabase::create().await;
    let proxy = FaultyProxy::to_database().await;
    let url = url_of_database(&proxy.url, &database.name);
    let (server, app) = server(&[("DATABASE_URL", &url), ("TENANT_ROUTING", "off")]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let peak_with_bodies_of = async |length: usize| {
        let head = format!(
            "POST /api/notes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
            script.token
        );
        let request = [head.into_bytes(), vec![b' '; length]].concat();
        let clients = (0..400).map(async |number: usize| {
            let mut stream = connect(&format!("127.0.6.{}", 1 + number / 50), app.address).await;
            let (mut answers, mut body) = stream.split();
            let mut answer = [0; 12];
            let _ = tokio::join!(body.write_all(&request), answers.read(&mut answer));
        });
        within_timeout("the answers", join_all(clients)).await;
        peak_mib(server.pid)
    };
    proxy.stop_answering();
    let short = peak_with_bodies_of(15_000).await;
    let long = peak_with_bodies_of(250_000).await;
    assert!(long - short < 10, "{short} MiB, then {long} MiB");
}

#[tokio::test]
async fn a_form_is_short_before_the_login_but_for_one_note() {
    let app = spawn_app().await;
    let statuses = async |path: &str, body: String, kind: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        raw_http::status(&exchange(STRANGER, app.address, request.as_bytes()).await)
    };
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    let long = "x".repeat(20_000);
    assert_eq!(statuses("/register", format!("username={long}"), form).await, 413);
    assert_eq!(
        statuses("/api/login", json!({ "username": long, "password": "x" }).to_string(), json).await,
        413
    );
    let note = "x".repeat(256 * 1024);
    assert_eq!(statuses("/notes", format!("content={note}"), form).await, 401);
    assert_eq!(statuses("/notes", format!("content={note}{long}"), form).await, 413);
    assert_eq!(statuses("/login", format!("draft_content={note}{long}"), form).await, 413);
}

#[tokio::test]
async fn lists_in_json_take_no_more_memory_than_their_text() {
    let (server, app) = server(&[]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let values = ["0,", "\"\",", "{},", "[],", "1.5,"];
    let bodies = values.map(|value| {
        let list = value.repeat(1_200_000 / value.len());
        format!("{{\"content\":\"x\",\"share_with\":[{}]}}", list.trim_end_matches(','))
    });
    let before = peak_mib(server.pid);
    for body in bodies {
        let call = Call::new("POST", "/api/notes").body("application/json", body);
        let answers = join_all((0..4).map(|_| script.answer(call.clone()))).await;
        for answer in answers {
            answer.expect_field_problem(422, "share_with");
        }
    }
    let grown = peak_mib(server.pid) - before;
    assert!(grown < 64, "{grown} MiB more");
}
