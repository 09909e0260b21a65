//! Bytes that the server holds for clients that are in no hurry: bodies and heads that are almost whole, and
//! answers to many requests that were sent at once (issue 13, 1: what is read, held, and written but not
//! taken).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::bodies;
use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

/// Clients at each address.
const PER_ADDRESS: usize = 10;
/// A form of a full note may be so long.
const BODY: usize = 1_630_000;
/// actix-http refuses heads from 128 KiB.
const HEAD: usize = 100_000;
/// Requests on one connection.
const PIPELINED: usize = 500;
const BODY_DEADLINE: Duration = Duration::from_secs(35);
const HEAD_DEADLINE: Duration = Duration::from_secs(20);
const AT_LEAST: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_secs(1);

/// 400 bodies of forty addresses, of which the last bytes arrive one a second; half of them logged in.
pub async fn bodies(stage: Arc<Stage>) -> Outcome<Row> {
    let account = stage.founder().await?;
    let cookie = stage.browser(&account, stage.preparation_address()).await?.cookie_header();
    let token = stage.token(&account).await?;
    let host = &stage.target.host;
    let start = |path: &str, kind: &str, login: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n{login}Content-Length: \
             {BODY}\r\n\r\n"
        );
        Arc::new([head.into_bytes(), vec![b'a'; BODY - 1_000]].concat())
    };
    let form = "application/x-www-form-urlencoded";
    let starts = [
        start("/notes", form, &format!("Cookie: {cookie}\r\n")),
        start("/login", form, ""),
        start("/api/notes", "application/json", &format!("Authorization: Bearer {token}\r\n")),
        start("/api/login", "application/json", ""),
    ];
    hold(stage.clone(), &starts, 400, BODY_DEADLINE).await
}

/// 2,000 heads of 100 KB of two hundred addresses, of which the end arrives a byte a second.
pub async fn heads(stage: Arc<Stage>) -> Outcome<Row> {
    let start = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n", stage.target.host);
    let fields = "X-Field: a field of some length that no handler reads\r\n".repeat(80);
    let long = format!("{start}{fields}X: {}", "a".repeat(HEAD - start.len() - fields.len()));
    hold(stage, &[Arc::new(long.into_bytes())], 2_000, HEAD_DEADLINE).await
}

/// 40 clients that send 500 requests at once and never read.
pub async fn pipelines(stage: Arc<Stage>) -> Outcome<Row> {
    let host = &stage.target.host;
    let one = |path: &str| wire::request(host, "GET", path, &[], b"").repeat(PIPELINED);
    let requests = ["/api/openapi.json", "/api", "/login"].map(|path| bodies::Unread::of(one(path)));
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    bodies::send(&stage, &mut crowd, &requests, stage.connections(40), |_| stage.block.attacker());
    let tally = bodies::closed(&stage, crowd).await;
    Ok(watch.end(tally).await)
}

/// Clients that send one of these starts, and then a byte a second.
async fn hold(stage: Arc<Stage>, starts: &[Arc<Vec<u8>>], number: usize, deadline: Duration) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    for index in 0..stage.connections(number) {
        let (from, to) = (stage.block.attacker_number(index / PER_ADDRESS), stage.target.address);
        let (start, mut over) = (Arc::clone(&starts[index % starts.len()]), crowd.over());
        crowd.add(async move {
            let client = async {
                let Ok(mut stream) = wire::connect(from, to, false).await else { return 0 };
                if stream.write_all(&start).await.is_err() {
                    return wire::unread_status(&mut stream).await;
                }
                wire::trickle(&mut stream, b'a', PAUSE).await
            };
            tokio::select! {
                status = client => status,
                () = over.wait() => 0,
            }
        });
    }
    let closing = stage.until_closed(AT_LEAST, deadline).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}
