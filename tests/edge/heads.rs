//! The heads of requests: each has a deadline, and one that is not served is answered as other errors are.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use super::fixture::{
    LIVEZ, STRANGER, connect, exchange, first_bytes, send, server_with_console, until_closed,
};
use crate::support::{TIMEOUT, raw_http, spawn_app};

/// Heads, and bodies that nothing waits for, whose time was over.
const SLOW_HEADS: &str = r#"pigeonhole_connection_events_total{event="slow_head"}"#;

#[tokio::test]
async fn a_second_head_has_its_deadline_too() {
    let (_server, app, console) = server_with_console().await;
    let mut stream = send(STRANGER, app.address, LIVEZ).await;
    assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 200");
    let trickle = async {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    // An idle connection is closed as well, so the count tells which deadline it was.
    timeout(TIMEOUT, trickle).await.expect("the connection is closed");
    assert_eq!(console.metric(SLOW_HEADS).await, 1);
}

#[tokio::test]
async fn a_head_that_stays_incomplete_is_408_and_a_silent_connection_is_closed() {
    let app = spawn_app().await;
    let slow = exchange(STRANGER, app.address, b"GET / HTTP/1.1\r\nHost: lo").await;
    assert_eq!(raw_http::status(&slow), 408, "{slow}");
    assert_eq!(exchange(STRANGER, app.address, b"").await, "");
}

#[tokio::test]
async fn a_head_that_is_not_served_is_answered_with_our_headers() {
    let app = spawn_app().await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    for (head, status) in [
        ("GET / HTTP/1.1\nHost: localhost\n\n", 400),
        ("no head at all\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\n", 400),
        ("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\nAccept-Encoding: gzip\r\n\r\n", 405),
        (long.as_str(), 431),
    ] {
        let answer = exchange(STRANGER, app.address, head.as_bytes()).await;
        assert_eq!(raw_http::status(&answer), status, "{answer}");
        for name in ["content-security-policy", "x-content-type-options", "x-request-id", "content-length"] {
            assert_ne!(raw_http::header(&answer, name), "", "{name}: {answer}");
        }
        assert_eq!(raw_http::header(&answer, "connection"), "close");
        assert_eq!(raw_http::header(&answer, "transfer-encoding"), "");
        assert!(answer.trim_end().ends_with("</html>"), "{answer}");
    }
}

#[tokio::test]
async fn http_1_0_gets_no_chunks_and_an_upgrade_is_ignored() {
    let app = spawn_app().await;
    let old = b"GET /login HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    let answer = exchange(STRANGER, app.address, old).await;
    assert_eq!(raw_http::status(&answer), 200, "{answer}");
    assert_eq!(raw_http::header(&answer, "content-encoding"), "gzip");
    assert_eq!(raw_http::header(&answer, "transfer-encoding"), "");
    for protocol in ["h2c", "websocket"] {
        let upgrade = format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nUpgrade: {protocol}\r\n\
             Connection: Upgrade, close\r\n\r\n"
        );
        let answer = exchange(STRANGER, app.address, upgrade.as_bytes()).await;
        assert_eq!(raw_http::status(&answer), 200, "{answer}");
        assert!(!answer.to_lowercase().contains("upgrade"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_nothing_waits_for_has_a_deadline() {
    let (_server, app, console) = server_with_console().await;
    let mut stream = connect(STRANGER, app.address).await;
    let head = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n";
    stream.write_all(head).await.expect("a request");
    assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 404");
    let trickle = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(TIMEOUT, trickle).await.expect("the connection is closed");
    assert_eq!(console.metric(SLOW_HEADS).await, 1);
}

#[tokio::test]
async fn requests_that_are_sent_together_are_answered_in_their_order() {
    let app = spawn_app().await;
    let form = "POST /login HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\na=b\r\n0\r\n\r\n";
    let last = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let together = [LIVEZ, form.as_bytes(), LIVEZ, last.as_bytes()].concat();
    let mut stream = connect(STRANGER, app.address).await;
    // In two pieces, of which the first ends inside of the body.
    stream.write_all(&together[..together.len() / 2]).await.expect("a request");
    stream.flush().await.expect("sent");
    stream.write_all(&together[together.len() / 2..]).await.expect("the rest");
    let answer = until_closed(&mut stream).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "422", "200", "404"], "{answer}");
}
