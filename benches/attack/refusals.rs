//! Requests that are refused, as fast as they are answered: each may write a line into the log, which
//! strangers must not be able to fill (security.md, M3; acceptance L79).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

const REFUSALS: usize = 10_000;
const CONNECTIONS: usize = 16;
const DURATION: Duration = Duration::from_secs(45);
/// Lines of a log that is bounded, also of one that has a few for each second.
const LINES: usize = 2_000;

/// 10,000 refused requests of one address, of seven kinds.
pub async fn flood(stage: Arc<Stage>) -> Outcome<Row> {
    let owner = stage.token(&stage.founder().await?).await?;
    let member = stage.colleague(&owner).await?;
    let cookie = stage.browser(&member, stage.preparation_address()).await?.cookie_header();
    let requests = Arc::new(kinds(&stage.target.host, &cookie));
    let answers: Arc<Mutex<BTreeMap<u16, usize>>> = Arc::default();
    let left = Arc::new(AtomicUsize::new(stage.times(REFUSALS)));
    let watch = stage.watch(false).await?;
    let lines = log_lines(&stage);
    let mut crowd = Crowd::new();
    for _ in 0..stage.connections(CONNECTIONS) {
        let (stage, requests, left) = (Arc::clone(&stage), Arc::clone(&requests), Arc::clone(&left));
        let (answers, mut over) = (Arc::clone(&answers), crowd.over());
        crowd.add(async move {
            tokio::select! {
                () = send(&stage, &requests, &left, &answers) => {}
                () = over.wait() => {}
            }
            0
        });
    }
    tokio::time::timeout(DURATION, all_sent(&left)).await.ok();
    let mut tally = crowd.end().await;
    tally.statuses = answers.lock().expect("answers").clone();
    if let (Some(before), Some(after)) = (lines, log_lines(&stage)) {
        let written = after.saturating_sub(before);
        tally.remark(format!("{written} lines of log"));
        tally.require(written < LINES, format!("{written} lines of log"));
    }
    Ok(watch.end(tally).await)
}

/// A refusal of each kind.
fn kinds(host: &str, cookie: &str) -> Vec<Vec<u8>> {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let token = format!("Bearer ph_1_{}", "a".repeat(43));
    vec![
        wire::request(host, "POST", "/login", &[form, ("Sec-Fetch-Site", "cross-site")], b"email=a"),
        wire::request(host, "POST", "/login", &[form, ("Origin", "http://evil.test")], b"email=a"),
        wire::request("evil.test", "GET", "/", &[], b""),
        wire::request(host, "GET", "/api/me", &[("Authorization", token.as_str())], b""),
        wire::request(host, "GET", "/account/export/organization", &[("Cookie", cookie)], b""),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n").into_bytes(),
        b"no request at all\r\n\r\n".to_vec(),
    ]
}

/// Sends the requests in turn until none is left.
async fn send(
    stage: &Stage,
    requests: &[Vec<u8>],
    left: &AtomicUsize,
    answers: &Mutex<BTreeMap<u16, usize>>,
) {
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    let mut stream = None;
    while let Ok(number) = take() {
        let open = match stream.take() {
            Some(open) => Ok(open),
            None => wire::connect(stage.block.attacker(), stage.target.address, false).await,
        };
        let Ok(mut open) = open else { continue };
        let answer = match open.write_all(&requests[number % requests.len()]).await {
            Ok(()) => wire::read_answer(&mut open).await,
            Err(error) => Err(error),
        };
        let status = answer.as_ref().map_or(0, |(status, _)| *status);
        *answers.lock().expect("answers").entry(status).or_default() += 1;
        stream = answer.is_ok_and(|(_, again)| again).then_some(open);
    }
}

async fn all_sent(left: &AtomicUsize) {
    while left.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The last requests are still under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// The lines of our own server's log; none for another server.
fn log_lines(stage: &Stage) -> Option<usize> {
    let log = std::fs::read(stage.target.log.as_ref()?).ok()?;
    Some(log.iter().filter(|byte| **byte == b'\n').count())
}
