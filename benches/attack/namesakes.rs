//! An account of the attacker's own, of which it knows the password, as a means against others: with the name
//! of a victim to guess at the victim's password, and in great number to keep others out (acceptance A7, A8,
//! A10, L74).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Call;
use crate::crowd::Crowd;
use crate::guesses::{ANSWERED_ADDRESSES, REFILLED, Victim, WRONG, was_tried};
use crate::outcome::Outcome;
use crate::people::Account;
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;

/// Guesses between two logins of the attacker, one less than a name may have from one address.
const GUESSES_OF_A_ROUND: usize = 9;
/// The longest time of guessing.
const GUESSING: Duration = Duration::from_secs(45);
/// How long the crowds log in.
const CROWDING: Duration = Duration::from_secs(24);
/// Where a crowd comes from, and its connections.
const NETWORKS: usize = 12;
const CONNECTIONS: usize = 24;
/// The addresses of a network in `Block::attacker_number`.
const ADDRESSES: usize = 200;

/// A victim, and the attacker's account of the same name and e-mail.
struct Namesakes {
    victim: Victim,
    squatter: Account,
}

impl Namesakes {
    async fn new(stage: &Stage) -> Outcome<Self> {
        let victim = Victim::new(stage).await?;
        let squatter = stage.founder_named(&victim.account.username, &victim.account.email).await?;
        Ok(Self { victim, squatter })
    }
}

fn form(name: &str, password: &str) -> Call {
    Call::new("POST", "/login").form(&[("email", name), ("password", password)])
}

/// 250 wrong passwords and then the right one from a browser that is known for the attacker's account only,
/// which logs in after every nine of them.
pub async fn from_a_known_browser(stage: Arc<Stage>) -> Outcome<Row> {
    let both = Namesakes::new(&stage).await?;
    let from = stage.block.attacker();
    let (browser, client) = (stage.browser(&both.squatter, from).await?, stage.client(from)?);
    let watch = stage.watch(false).await?;
    let (mut tally, end) = (Tally::default(), Instant::now() + GUESSING);
    for number in 1..=stage.times(250) {
        let guess = form(&both.victim.account.username, WRONG);
        tally.count(client.send(browser.with_cookies(guess)).await.status);
        if number.is_multiple_of(GUESSES_OF_A_ROUND) {
            let own = form(&both.victim.account.username, &both.squatter.password);
            client.send(browser.with_cookies(own)).await;
        }
        if Instant::now() > end {
            break;
        }
    }
    let right = form(&both.victim.account.username, &both.victim.account.password);
    let reply = client.send(browser.with_cookies(right)).await;
    tally.require(matches!(reply.status, 401 | 429), format!("then the right password got {}", reply.status));
    both.victim.logs_in(&mut tally).await;
    Ok(watch.end(tally).await)
}

/// Nine wrong passwords and a login of the attacker's account from each of 14 addresses.
pub async fn with_own_logins(stage: Arc<Stage>) -> Outcome<Row> {
    let both = Namesakes::new(&stage).await?;
    let watch = stage.watch(false).await?;
    let (mut tally, end, mut tried) = (Tally::default(), Instant::now() + GUESSING, 0);
    for number in 0..stage.times(14) {
        let client = stage.client(stage.block.attacker_number(number * ADDRESSES))?;
        for _ in 0..GUESSES_OF_A_ROUND {
            let reply = client.send(form(&both.victim.account.email, WRONG)).await;
            tally.count(reply.status);
            tried += usize::from(was_tried(&reply));
        }
        client.send(form(&both.victim.account.email, &both.squatter.password)).await;
        if Instant::now() > end {
            break;
        }
    }
    let most = ANSWERED_ADDRESSES + REFILLED;
    tally.require(tried <= most, format!("{tried} guesses were tried, {ANSWERED_ADDRESSES} at most"));
    both.victim.logs_in(&mut tally).await;
    Ok(watch.end(tally).await)
}

/// The right password of one account without an organization, on 24 connections of 12 networks.
pub async fn right_logins(stage: Arc<Stage>) -> Outcome<Row> {
    let account = stage.founder().await?;
    let calls = (0..stage.connections(CONNECTIONS)).map(|number| {
        let from = stage.block.attacker_number(number % NETWORKS * ADDRESSES);
        (from, form(&account.username, &account.password))
    });
    crowd(&stage, calls.collect()).await
}

/// The same from twelve browsers that are known for the account, behind the address of the known person.
pub async fn right_logins_of_known_browsers(stage: Arc<Stage>) -> Outcome<Row> {
    let account = stage.founder().await?;
    let mut browsers = Vec::new();
    for _ in 0..NETWORKS {
        browsers.push(stage.browser(&account, stage.preparation_address()).await?);
    }
    let calls = (0..stage.connections(CONNECTIONS))
        .map(|number| (stage.block.known(), browsers[number % NETWORKS].login(&account)));
    crowd(&stage, calls.collect()).await
}

/// Sends each call again and again, and watches a known person and new people meanwhile.
async fn crowd(stage: &Arc<Stage>, calls: Vec<(Ipv4Addr, Call)>) -> Outcome<Row> {
    let watch = stage.watch(true).await?;
    let mut crowd = Crowd::new();
    for (from, call) in calls {
        let (client, mut over) = (stage.client(from)?, crowd.over());
        crowd.add(async move {
            let mut last = 0;
            loop {
                let answer = client.send(call.clone());
                last = tokio::select! {
                    reply = answer => reply.status,
                    () = over.wait() => return last,
                };
                // A client that is refused at once would only measure this program's speed.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    tokio::time::sleep(CROWDING).await;
    Ok(watch.end(crowd.end().await).await)
}
