//! Limits of connections.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fixture::{
    LIVEZ, OTHER, STRANGER, assert_others_are_served, connect, first_bytes, send, server, until_closed,
};
use crate::support::{Person, TIMEOUT, eventually, spawn_app};

#[tokio::test]
async fn one_address_has_100_connections_and_others_are_served() {
    let (server, app) = server(&[]).await;
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(STRANGER, app.address).await;
        let _ = stream.write_all(LIVEZ).await;
        held.push(stream);
    }
    let mut answered = 0;
    for stream in &mut held {
        answered += usize::from(first_bytes(stream).await == "HTTP/1.1 200");
    }
    assert_eq!(answered, 100);
    assert_others_are_served(app.address).await;
    drop(held);
    drop(server);
}

#[tokio::test]
async fn a_burst_of_connections_waits_in_the_systems_queue_and_is_not_dropped() {
    let (server, app) = server(&[]).await;
    let allowed = read_to_string("/proc/sys/net/core/somaxconn").expect("the length of the longest queue");
    let burst = allowed.trim().parse::<usize>().expect("a number").min(500);
    // A stopped process accepts nothing: what the queue does not take is never connected.
    server.signal(Signal::STOP);
    let mut held = Vec::new();
    for _ in 0..burst {
        let connected = timeout(TIMEOUT, connect(STRANGER, app.address)).await;
        held.push(connected.inspect_err(|_| server.signal(Signal::CONT)).expect("a place in the queue"));
    }
    server.signal(Signal::CONT);
    drop(held);
    assert_others_are_served(app.address).await;
}

/// The time between the first and the last byte of an answer of `length` bytes or more.
async fn time_of_arrival(stream: &mut TcpStream, length: usize) -> Duration {
    let mut buffer = vec![0; 64 * 1024];
    let mut arrived = stream.read(&mut buffer).await.expect("an answer");
    let first = Instant::now();
    while arrived < length {
        arrived += stream.read(&mut buffer).await.expect("the rest");
    }
    first.elapsed()
}

#[tokio::test]
async fn the_end_of_a_long_answer_does_not_wait_for_an_acknowledgement() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note(&"x".repeat(20_000)).await;
    let request = format!(
        "GET /api/notes/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        script.token
    );
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    let mut next_time = async || {
        stream.write_all(request.as_bytes()).await.expect("a request");
        timeout(TIMEOUT, time_of_arrival(&mut stream, 20_000)).await.expect("an answer")
    };
    // A client acknowledges at once at first, and later with its next request or after 40 ms, which is a
    // constant of Linux (TCP_DELACK_MIN) and the same on each machine.
    for _ in 0..40 {
        next_time().await;
    }
    // One answer that arrives sooner shows that none has to wait, also where the machine delays most of them.
    let end = Instant::now() + TIMEOUT;
    while next_time().await >= Duration::from_millis(20) {
        assert!(Instant::now() < end, "each answer waits");
    }
}

#[tokio::test]
async fn the_longest_idle_connection_gives_way_when_the_process_has_as_many_as_it_may() {
    let (_server, app) = server(&[("CONNECTIONS_LIMIT", "4")]).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = send(STRANGER, app.address, LIVEZ).await;
        assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 200");
        held.push(stream);
    }
    assert_others_are_served(app.address).await;
    assert!(until_closed(&mut held[0]).await.ends_with("ok\n"), "the first one is closed");
    held[3].write_all(LIVEZ).await.expect("a request");
    let mut others = [0; 4096];
    let read = held[3].read(&mut others).await.expect("the last one is open");
    assert!(read > 0);
}

#[tokio::test]
async fn a_connection_that_waits_for_its_body_gives_way_too() {
    let (_server, app) = server(&[("CONNECTIONS_LIMIT", "4")]).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let head =
            "POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n";
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        let mut stream = send(STRANGER, app.address, format!("{head}{kind}").as_bytes()).await;
        // The server waits for the body.
        assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 100");
        held.push(stream);
    }
    eventually("another client gets the place of one of them", async || {
        let mut other = connect(OTHER, app.address).await;
        let _ = other.write_all(LIVEZ).await;
        first_bytes(&mut other).await == "HTTP/1.1 200"
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_has_no_limit_of_its_own() {
    let settings = [("PROXY_TRUSTED", "127.0.0.66"), ("CONNECTIONS_PER_ADDRESS", "2")];
    let (_server, app) = server(&settings).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut stream = send(STRANGER, app.address, LIVEZ).await;
        assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 200");
        held.push(stream);
    }
}

#[tokio::test]
async fn a_file_limit_is_raised_and_said_at_the_start() {
    let (server, _) = server(&[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid)).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "the soft limit is the hard one: {line}");
    assert!(server.log().contains(&format!("open files: {} at most", words[3])), "{}", server.log());
}
