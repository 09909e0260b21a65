//! Guessing passwords: of one account from one address and from many, and one password for many names
//! (security.md, H4; acceptance A7, A8).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::client::{Call, Client, Reply};
use crate::outcome::Outcome;
use crate::people::{Account, Browser, unique};
use crate::percentile::percentile;
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;

const GUESSES: usize = 40;
/// Wrong passwords of one typed name from one address that are answered 401 (acceptance A7). A user name and
/// an e-mail of one account count apart, or the 429 would tell that they belong together.
const ANSWERED: usize = 10;
/// The same over all accounts (acceptance A7).
const ANSWERED_NAMES: usize = 30;
/// The same for one typed name from all addresses, without an organization (acceptance A8). The four ways to
/// name an account have NIST's hundred together (docs/decisions/0031-throttling.md).
pub const ANSWERED_ADDRESSES: usize = 20;
/// A bucket refills while the guesses are made; a limit begins at most so many later.
pub const REFILLED: usize = 2;
/// So many refusals from different addresses show a limit.
const REFUSED_ENOUGH: usize = 10;
/// The longest time of guessing.
const GUESSING: Duration = Duration::from_secs(120);
pub const WRONG: &str = "a wrong password";

/// The account whose password is guessed, and a browser that has logged in to it before.
pub struct Victim {
    pub account: Account,
    browser: Browser,
    client: Client,
}

impl Victim {
    pub async fn new(stage: &Stage) -> Outcome<Self> {
        let account = stage.founder().await?;
        let address = stage.block.newcomer(1);
        let browser = stage.browser(&account, address).await?;
        Ok(Self { account, browser, client: stage.client(address)? })
    }

    /// Others' guesses do not keep the browser out. It logs in afterwards and not meanwhile, as a success may
    /// begin the count of failures again.
    pub async fn logs_in(self, tally: &mut Tally) {
        let reply = self.client.send(self.browser.login(&self.account)).await;
        tally.remark(format!("then the victim {} in {} ms", reply.status, reply.time.as_millis()));
        tally.require(reply.status == 303, format!("the victim's login was {}", reply.status));
    }
}

/// 40 wrong passwords for a person, from one address, by form and by API, by name and by e-mail.
pub async fn of_one_account(stage: Arc<Stage>) -> Outcome<Row> {
    let victim = Victim::new(&stage).await?;
    let watch = stage.watch(false).await?;
    let from = stage.block.attacker();
    let guesses: Vec<_> = (0..stage.times(GUESSES)).map(|number| guess(&victim.account, number)).collect();
    let replies = send(&stage, guesses.iter().map(|guess| (from, guess.call.clone())).collect(), 1).await?;
    let mut tally = judge_names(&replies, &guesses, ANSWERED);
    victim.logs_in(&mut tally).await;
    Ok(watch.end(tally).await)
}

/// 60 names from one address with one wrong password each.
pub async fn of_many_names(stage: Arc<Stage>) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    let from = stage.block.attacker();
    let calls = (0..stage.times(60)).map(|_| {
        let body = json!({"username": unique("name"), "password": WRONG});
        (from, Call::new("POST", "/api/login").json(&body))
    });
    let tally = judge(&send(&stage, calls.collect(), 4).await?, ANSWERED_NAMES);
    Ok(watch.end(tally).await)
}

/// Wrong passwords for a person, each from another address, until ten are refused. A busy queue of
/// hashes tries no password, so more are sent than the limit allows.
pub async fn from_many_addresses(stage: Arc<Stage>) -> Outcome<Row> {
    let victim = Victim::new(&stage).await?;
    let watch = stage.watch(false).await?;
    let guesses: Vec<_> = (0..stage.times(250)).map(|number| guess(&victim.account, number)).collect();
    let calls = guesses.iter().enumerate();
    let calls = calls.map(|(number, guess)| (stage.block.attacker_number(number), guess.call.clone()));
    // Two at a time leave the queue of hashes free, so that the limit answers and not the queue.
    let replies = send(&stage, calls.collect(), 2).await?;
    let mut tally = judge_names(&replies, &guesses, ANSWERED_ADDRESSES);
    victim.logs_in(&mut tally).await;
    Ok(watch.end(tally).await)
}

/// A wrong password for one of the account's names.
struct Guess {
    name: String,
    call: Call,
}

fn guess(account: &Account, number: usize) -> Guess {
    let name = if number % 4 < 2 { &account.email } else { &account.username };
    let call = if number.is_multiple_of(2) {
        Call::new("POST", "/api/login").json(&json!({"username": name, "password": WRONG}))
    } else {
        Call::new("POST", "/login").form(&[("email", name), ("password", WRONG)])
    };
    Guess { name: name.clone(), call }
}

/// Sends the calls, so many at once. For one address all are sent; else ten refusals show that there is a
/// limit.
async fn send(stage: &Arc<Stage>, calls: Vec<(Ipv4Addr, Call)>, at_once: usize) -> Outcome<Vec<Reply>> {
    let one_address = calls.iter().all(|(from, _)| *from == stage.block.attacker());
    let replies = stream::iter(calls).map(|(from, call)| {
        let client = stage.client(from);
        async move { Outcome::Ok(client?.send(call).await) }
    });
    let (mut replies, mut all, mut refused) = (replies.buffered(at_once), Vec::new(), 0);
    let end = Instant::now() + GUESSING;
    while let Some(reply) = replies.next().await {
        let reply: Reply = reply?;
        refused += usize::from(reply.status == 429);
        all.push(reply);
        if (refused >= REFUSED_ENOUGH && !one_address) || Instant::now() > end {
            break;
        }
    }
    Ok(all)
}

/// At most so many guesses were tried; the others are 429 with the time to wait.
fn judge(replies: &[Reply], answered: usize) -> Tally {
    let mut tally = judge_refusals(replies);
    let tried = replies.iter().filter(|reply| was_tried(reply)).count();
    tally.require(tried <= answered + REFILLED, format!("{tried} guesses were tried, {answered} at most"));
    tally
}

/// The same for each name by itself. The replies are in the order of the guesses.
fn judge_names(replies: &[Reply], guesses: &[Guess], answered: usize) -> Tally {
    let mut tally = judge_refusals(replies);
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for (reply, guess) in replies.iter().zip(guesses) {
        *tried.entry(&guess.name).or_default() += usize::from(was_tried(reply));
    }
    let most = tried.values().copied().max().unwrap_or(0);
    tally.require(
        most <= answered + REFILLED,
        format!("{most} guesses of a name were tried, {answered} at most"),
    );
    tally
}

/// 503 tries no password either, but it is the queue that answers and not a limit of guesses.
pub fn was_tried(reply: &Reply) -> bool {
    !matches!(reply.status, 429 | 503 | 0)
}

fn judge_refusals(replies: &[Reply]) -> Tally {
    let mut tally = Tally::default();
    replies.iter().for_each(|reply| tally.count(reply.status));
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 429).collect();
    tally.require(!refused.is_empty(), "no 429");
    let silent = refused.iter().filter(|reply| reply.header("retry-after").is_none()).count();
    tally.require(silent == 0, format!("{silent} without Retry-After"));
    let mut times: Vec<Duration> = refused.iter().map(|reply| reply.time).collect();
    if !times.is_empty() {
        tally.remark(format!("429 in {} ms", percentile(&mut times, 0.5).as_millis()));
    }
    tally
}
