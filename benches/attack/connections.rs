//! More connections of one address than a service may usually have files (security.md, H3): idle ones, ones
//! that are silent after a request, and heads that never end.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

/// The limit of systemd's services is 1,024.
const ABOVE_THE_LIMIT: usize = 1_100;
const MANY: usize = 5_000;
/// A head is closed within 10 s (acceptance F50), and a connection without a request within the keep-alive
/// time; the rest is for opening them all.
const HEAD_DEADLINE: Duration = Duration::from_secs(20);
const IDLE_DEADLINE: Duration = Duration::from_secs(90);
const AT_LEAST: Duration = Duration::from_secs(12);
const TRICKLE_PAUSE: Duration = Duration::from_secs(1);
/// How long connections are renewed without a pause.
const RENEWAL: Duration = Duration::from_secs(15);

/// What a connection does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Idle,
    /// One request, then nothing.
    Silent,
    /// The first head, a byte a second.
    FirstHead,
    /// One request, then a second head, a byte a second.
    SecondHead,
}

/// 1,100 connections that send nothing.
pub async fn idle(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::Idle, ABOVE_THE_LIMIT, IDLE_DEADLINE).await
}

/// 1,100 connections that send one request and stay.
pub async fn silent(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::Silent, ABOVE_THE_LIMIT, IDLE_DEADLINE).await
}

/// 1,100 connections whose first head never ends.
pub async fn first_head(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::FirstHead, ABOVE_THE_LIMIT, HEAD_DEADLINE).await
}

/// 1,100 connections whose second head never ends.
pub async fn second_head(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::SecondHead, ABOVE_THE_LIMIT, HEAD_DEADLINE).await
}

/// 5,000 connections that send one request and stay.
pub async fn many_silent(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::Silent, MANY, IDLE_DEADLINE).await
}

/// 5,000 connections whose second head never ends.
pub async fn many_heads(stage: Arc<Stage>) -> Outcome<Row> {
    attack(stage, Kind::SecondHead, MANY, HEAD_DEADLINE).await
}

/// 1,100 connections of 110 addresses, ten each, that send one request and stay.
pub async fn silent_addresses(stage: Arc<Stage>) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    let number = stage.connections(ABOVE_THE_LIMIT);
    open(&stage, &mut crowd, Kind::Silent, number, |index| stage.block.attacker_number(index / 10));
    let closing = stage.until_closed(AT_LEAST, IDLE_DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}

async fn attack(stage: Arc<Stage>, kind: Kind, number: usize, deadline: Duration) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    open(&stage, &mut crowd, kind, stage.connections(number), |_| stage.block.attacker());
    let closing = stage.until_closed(AT_LEAST, deadline).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}

/// 400 clients that connect again as soon as the server closes their connection.
pub async fn renewed(stage: Arc<Stage>) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    let end = Instant::now() + RENEWAL;
    for _ in 0..stage.connections(400) {
        let (stage, mut over) = (Arc::clone(&stage), crowd.over());
        crowd.add(async move {
            let mut last = 0;
            while Instant::now() < end && !over.is_over() {
                tokio::select! {
                    status = hold(&stage, Kind::Silent, stage.block.attacker()) => last = status,
                    () = over.wait() => {}
                }
                // Else a server that refuses at once would only measure this program's speed.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            last
        });
    }
    tokio::time::sleep(RENEWAL).await;
    let tally = crowd.end().await;
    Ok(watch.end(tally).await)
}

/// Starts clients of this kind.
pub fn open(
    stage: &Arc<Stage>,
    crowd: &mut Crowd,
    kind: Kind,
    number: usize,
    address: impl Fn(usize) -> Ipv4Addr,
) {
    for index in 0..number {
        let (stage, mut over, from) = (Arc::clone(stage), crowd.over(), address(index));
        crowd.add(async move {
            tokio::select! {
                status = hold(&stage, kind, from) => status,
                () = over.wait() => 0,
            }
        });
    }
}

/// One connection until the server closes it. Returns the last status.
async fn hold(stage: &Stage, kind: Kind, from: Ipv4Addr) -> u16 {
    let connected = wire::connect(from, stage.target.address, false).await;
    let Ok(mut stream) = connected else { return 0 };
    let mut status = 0;
    if matches!(kind, Kind::Silent | Kind::SecondHead) {
        let request = wire::request(&stage.target.host, "GET", "/livez", &[], b"");
        if stream.write_all(&request).await.is_err() {
            return 0;
        }
        match wire::read_answer(&mut stream).await {
            Ok((answered, _)) => status = answered,
            Err(_) => return 0,
        }
    }
    let last = if matches!(kind, Kind::FirstHead | Kind::SecondHead) {
        let start = format!("GET /livez HTTP/1.1\r\nHost: {}\r\nX: ", stage.target.host);
        if stream.write_all(start.as_bytes()).await.is_err() {
            return status;
        }
        wire::trickle(&mut stream, b'a', TRICKLE_PAUSE).await
    } else {
        wire::until_closed(&mut stream).await
    };
    if last == 0 { status } else { last }
}
