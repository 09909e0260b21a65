//! Slow bodies, slow readers, and the import form that never comes to its file (security.md, H1, H3, M5;
//! acceptance F50).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

/// Clients at eight addresses.
const CLIENTS: usize = 400;
const PER_ADDRESS: usize = 50;
const BODY_DEADLINE: Duration = Duration::from_secs(35);
const READER_DEADLINE: Duration = Duration::from_secs(70);
/// The form of an import has one deadline around it.
const FORM_DEADLINE: Duration = Duration::from_secs(70);
const AT_LEAST: Duration = Duration::from_secs(12);
/// An answer of this many quotes is five times as long, which no socket's buffer takes.
const DRAFT: usize = 200_000;
const FORM: &str = "application/x-www-form-urlencoded";

/// 400 bodies that arrive a byte every two seconds.
pub async fn bodies(stage: Arc<Stage>) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    for index in 0..stage.connections(CLIENTS) {
        let path = ["/login", "/api/login", "/register", "/notes"][index % 4];
        let kind = if path.starts_with("/api") { "application/json" } else { FORM };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n",
            stage.target.host
        );
        let (from, to) = (stage.block.attacker_number(index / PER_ADDRESS), stage.target.address);
        let mut over = crowd.over();
        crowd.add(async move {
            let Ok(mut stream) = wire::connect(from, to, false).await else { return 0 };
            if stream.write_all(head.as_bytes()).await.is_err() {
                return wire::unread_status(&mut stream).await;
            }
            tokio::select! {
                status = wire::trickle(&mut stream, b'a', Duration::from_secs(2)) => status,
                () = over.wait() => 0,
            }
        });
    }
    let closing = stage.until_closed(AT_LEAST, BODY_DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}

/// 400 readers that take a byte a second of an answer of a megabyte.
pub async fn readers(stage: Arc<Stage>) -> Outcome<Row> {
    let body = format!("draft_action=/notes&draft_content={}", "\"".repeat(DRAFT));
    let request =
        wire::request(&stage.target.host, "POST", "/login", &[("Content-Type", FORM)], body.as_bytes());
    let request = Arc::new(request);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    for index in 0..stage.connections(CLIENTS) {
        let (from, to) = (stage.block.attacker_number(index / PER_ADDRESS), stage.target.address);
        let (request, mut over) = (Arc::clone(&request), crowd.over());
        crowd.add(async move {
            let Ok(mut stream) = wire::connect(from, to, true).await else { return 0 };
            let mut start = [0; 12];
            let read = async {
                stream.write_all(&request).await?;
                stream.read_exact(&mut start).await?;
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stream.read_u8().await?;
                }
            };
            let _: Result<std::convert::Infallible, std::io::Error> = tokio::select! {
                ended = read => ended,
                () = over.wait() => Err(std::io::ErrorKind::TimedOut.into()),
            };
            wire::status_of(&start)
        });
    }
    let closing = stage.until_closed(AT_LEAST, READER_DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}

/// Forty import forms of one member whose file never begins.
pub async fn import_forms(stage: Arc<Stage>) -> Outcome<Row> {
    let account = stage.founder().await?;
    let browser = stage.browser(&account, stage.preparation_address()).await?;
    let head = format!(
        "POST /account/import HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: 100000\r\n\r\n",
        stage.target.host,
        browser.cookie_header()
    );
    let field = "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n";
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    for index in 0..stage.connections(40) {
        // Half of them send a field that is not the file, the others not even that.
        let start = if index % 2 == 0 { format!("{head}{field}") } else { head.clone() };
        let (from, to, mut over) = (stage.block.attacker(), stage.target.address, crowd.over());
        crowd.add(async move {
            let Ok(mut stream) = wire::connect(from, to, false).await else { return 0 };
            if stream.write_all(start.as_bytes()).await.is_err() {
                return wire::unread_status(&mut stream).await;
            }
            tokio::select! {
                status = wire::trickle(&mut stream, b'-', Duration::from_secs(3)) => status,
                () = over.wait() => 0,
            }
        });
    }
    let closing = stage.until_closed(AT_LEAST, FORM_DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}
