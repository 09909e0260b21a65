//! Logins, sign-ups and changes of password without a pause (security.md, H4; acceptance L74). Each costs a
//! password hash, of which the machine can do a few in a second.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::people::unique;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

const DURATION: Duration = Duration::from_secs(24);
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// What one connection does again and again.
#[derive(Clone)]
enum Work {
    /// A login of a name without an account, by form and by API.
    Login,
    /// Founding one organization after the other.
    SignUp,
    /// A wrong current password, with a session of the attacker's own.
    NewPassword { cookie: String },
}

/// 16 connections of one address.
pub async fn storm_16(stage: Arc<Stage>) -> Outcome<Row> {
    storm(stage, 16, false).await
}

/// 160 connections of one address.
pub async fn storm_160(stage: Arc<Stage>) -> Outcome<Row> {
    storm(stage, 160, false).await
}

/// 160 connections of as many addresses.
pub async fn storm_160_addresses(stage: Arc<Stage>) -> Outcome<Row> {
    storm(stage, 160, true).await
}

async fn storm(stage: Arc<Stage>, number: usize, many_addresses: bool) -> Outcome<Row> {
    let account = stage.founder().await?;
    let browser = stage.browser(&account, stage.preparation_address()).await?;
    let kinds = [Work::Login, Work::SignUp, Work::NewPassword { cookie: browser.cookie_header() }];
    let answers: Arc<Mutex<BTreeMap<u16, usize>>> = Arc::default();
    let watch = stage.watch(true).await?;
    let mut crowd = Crowd::new();
    for index in 0..stage.connections(number) {
        let from = if many_addresses { stage.block.attacker_number(index) } else { stage.block.attacker() };
        let work = kinds[[0, 0, 1, 2][index % 4]].clone();
        let (stage, answers, mut over) = (Arc::clone(&stage), Arc::clone(&answers), crowd.over());
        crowd.add(async move {
            tokio::select! {
                () = work_on(&stage, &work, from, &answers) => {}
                () = over.wait() => {}
            }
            0
        });
    }
    tokio::time::sleep(DURATION).await;
    let mut tally = crowd.end().await;
    // The connections end without an answer; what counts is each request's.
    tally.statuses = answers.lock().expect("answers").clone();
    Ok(watch.end(tally).await)
}

/// Sends requests on one connection after the other, for ever.
async fn work_on(stage: &Stage, work: &Work, from: Ipv4Addr, answers: &Mutex<BTreeMap<u16, usize>>) {
    loop {
        if let Ok(mut stream) = wire::connect(from, stage.target.address, false).await {
            while let Ok((status, open)) = one(stage, work, &mut stream).await {
                *answers.lock().expect("answers").entry(status).or_default() += 1;
                if !open {
                    break;
                }
            }
        }
        // Else a server that refuses connections would only measure this program's speed.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn one(stage: &Stage, work: &Work, stream: &mut tokio::net::TcpStream) -> std::io::Result<(u16, bool)> {
    let request = |path: &str, headers: &[(&str, &str)], body: &str| {
        wire::request(&stage.target.host, "POST", path, headers, body.as_bytes())
    };
    let request = match work {
        Work::Login if fastrand::bool() => {
            let body = json!({"username": unique("nobody"), "password": "a wrong password"});
            request("/api/login", &[("Content-Type", JSON)], &body.to_string())
        }
        Work::Login => {
            let body = format!("email={}&password=a+wrong+password", unique("nobody"));
            request("/login", &[("Content-Type", FORM)], &body)
        }
        Work::SignUp => {
            let body = json!({
                "username": unique("user"), "email": format!("{}@example.test", unique("person")),
                "password": unique("secret "), "tenant_name": unique("Org "),
            });
            request("/api/register", &[("Content-Type", JSON)], &body.to_string())
        }
        Work::NewPassword { cookie } => {
            let headers = [("Content-Type", FORM), ("Cookie", cookie.as_str())];
            request("/account/password", &headers, "current_password=a+wrong+one&password=another+secret")
        }
    };
    stream.write_all(&request).await?;
    wire::read_answer(stream).await
}
