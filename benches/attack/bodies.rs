//! Large bodies whose answers give back what was sent, to clients that never read (security.md, H1).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::people::Browser;
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;
use crate::wire;

/// The longest body that a form takes is 6 × 256 KiB + 64 KiB.
const FILLING: usize = 1_638_000;
/// A client that takes nothing is cut off after 60 s; the rest is for sending.
const CUT_OFF: Duration = Duration::from_secs(70);
const AT_LEAST: Duration = Duration::from_secs(12);
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A request that a client sends and whose answer it leaves unread.
#[derive(Clone)]
pub struct Unread(Arc<Vec<u8>>);

impl Unread {
    /// A request from its bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

/// Forty strangers at one address.
pub async fn from_one_address(stage: Arc<Stage>) -> Outcome<Row> {
    let requests = of_strangers(&stage);
    let number = stage.connections(40);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    send(&stage, &mut crowd, &requests, number, |_| stage.block.attacker());
    let tally = closed(&stage, crowd).await;
    Ok(watch.end(tally).await)
}

/// Four hundred clients at forty addresses, half of them logged in.
pub async fn from_many_addresses(stage: Arc<Stage>) -> Outcome<Row> {
    let account = stage.founder().await?;
    let browser = stage.browser(&account, stage.preparation_address()).await?;
    let token = stage.token(&account).await?;
    let requests = [of_strangers(&stage), of_members(&stage, &browser, &token)].concat();
    let number = stage.connections(400);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    send(&stage, &mut crowd, &requests, number, |index| stage.block.attacker_number(index / 10));
    let tally = closed(&stage, crowd).await;
    Ok(watch.end(tally).await)
}

/// Starts clients that send these requests in turn and never read.
pub fn send(
    stage: &Arc<Stage>,
    crowd: &mut Crowd,
    requests: &[Unread],
    number: usize,
    address: impl Fn(usize) -> Ipv4Addr,
) {
    for index in 0..number {
        let (from, to) = (address(index), stage.target.address);
        let request = requests[index % requests.len()].clone();
        let (mut over, mut ended) = (crowd.over(), crowd.over());
        crowd.add(async move {
            let Ok(mut stream) = wire::connect(from, to, true).await else { return 0 };
            // A server that refuses early closes the connection before everything is written.
            tokio::select! {
                _ = stream.write_all(&request.0) => over.wait().await,
                () = ended.wait() => {}
            }
            wire::unread_status(&mut stream).await
        });
    }
}

/// The largest bodies of every form, and JSON, that is taken without a login.
pub fn of_strangers(stage: &Stage) -> Vec<Unread> {
    let quotes = "\"".repeat(FILLING);
    let form =
        |path: &str, start: &str| post(stage, path, &[("Content-Type", FORM)], &format!("{start}{quotes}"));
    let escaped = "\\u0001".repeat(FILLING / 6);
    let json = |path: &str, field: &str| {
        post(stage, path, &[("Content-Type", JSON)], &format!("{{\"{field}\":\"{escaped}\"}}"))
    };
    vec![
        form("/login", "draft_action=/notes&draft_content="),
        form("/notes", "content="),
        form("/register", "username="),
        form("/login", "email=a&password=b&tenant_name="),
        form("/register", "email="),
        form("/notes", "title="),
        form("/invitations/phi_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/registration", "username="),
        form("/login", "draft_action=/notes/1&draft_title="),
        json("/api/login", "username"),
        json("/api/register", "username"),
        json("/api/nothing", "content"),
    ]
}

/// The same for a logged-in browser and a token.
pub fn of_members(stage: &Stage, browser: &Browser, token: &str) -> Vec<Unread> {
    let quotes = "\"".repeat(FILLING);
    let cookie = browser.cookie_header();
    let bearer = format!("Bearer {token}");
    let form = |path: &str, start: &str| {
        let headers = [("Content-Type", FORM), ("Cookie", cookie.as_str())];
        post(stage, path, &headers, &format!("{start}{quotes}"))
    };
    let escaped = "\\u0001".repeat(FILLING / 6);
    let json = |path: &str, start: &str| {
        let headers = [("Content-Type", JSON), ("Authorization", bearer.as_str())];
        post(stage, path, &headers, &format!("{{{start}\"content\":\"{escaped}\"}}"))
    };
    vec![
        form("/notes", "content="),
        form("/notes", "content=a&title="),
        form("/organization", "name="),
        form("/notes/1", "version=1&content="),
        form("/account/password", "current_password="),
        form("/notes/1/shares", "names="),
        form("/login", "add=1&draft_action=/notes&draft_content="),
        json("/api/notes", ""),
        json("/api/notes", "\"title\":\"a\","),
    ]
}

fn post(stage: &Stage, path: &str, headers: &[(&str, &str)], body: &str) -> Unread {
    Unread(Arc::new(wire::request(&stage.target.host, "POST", path, headers, body.as_bytes())))
}

/// Requests without a body, unread.
pub fn get(stage: &Stage, path: &str, token: &str) -> Unread {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    Unread(Arc::new(wire::request(&stage.target.host, "GET", path, &headers, b"")))
}

/// The same with a browser's cookies.
pub fn get_page(stage: &Stage, path: &str, browser: &Browser) -> Unread {
    let cookie = browser.cookie_header();
    Unread(Arc::new(wire::request(&stage.target.host, "GET", path, &[("Cookie", cookie.as_str())], b"")))
}

/// Ends a crowd whose connections must have been closed in time.
pub async fn closed(stage: &Stage, crowd: Crowd) -> Tally {
    let closing = stage.until_closed(AT_LEAST, CUT_OFF).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    tally
}
