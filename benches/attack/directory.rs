//! Finding out who has an account, with accounts of one's own on a victim's e-mail and name (security.md, H5;
//! acceptance L75).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Call, Reply};
use crate::outcome::Outcome;
use crate::people::{Account, Browser, new_email, unique};
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;

/// Wrong logins of each kind; half by e-mail, half by name. A limit of guesses begins at ten.
const TRIES: usize = 8;
/// The quickest of the tries may differ by this factor between kinds. A hash more is a factor of two.
const ALIKE: f64 = 1.3;

/// An e-mail and a name, with so many accounts of the attacker and perhaps the victim's.
struct Case {
    squatters: usize,
    victim: Option<Account>,
    email: String,
    username: String,
    answers: BTreeSet<String>,
    quickest: Duration,
}

/// None, one and five accounts of the attacker, with and without the victim.
pub async fn squatters(stage: Arc<Stage>) -> Outcome<Row> {
    let started = Instant::now();
    let mut cases = Vec::new();
    for squatters in [0, 1, 5] {
        for with_victim in [false, true] {
            cases.push(prepare(&stage, squatters, with_victim).await?);
        }
    }
    for number in 0..TRIES {
        for case in &mut cases {
            try_wrong_password(&stage, case, number).await?;
        }
    }
    let mut tally = Tally::default();
    compare(&cases, &mut tally);
    for case in &cases {
        if let Some(victim) = &case.victim {
            log_in(&stage, victim, case.squatters, &mut tally).await?;
        }
    }
    Ok(Row::of(tally, started.elapsed()))
}

async fn prepare(stage: &Stage, squatters: usize, with_victim: bool) -> Outcome<Case> {
    let (email, username) = (new_email(), unique("victim"));
    let mut victim = None;
    for number in 0..squatters + usize::from(with_victim) {
        let account = stage.founder_named(&username, &email).await?;
        if with_victim && number == 0 {
            victim = Some(account);
        }
    }
    let (answers, quickest) = (BTreeSet::new(), Duration::MAX);
    Ok(Case { squatters, victim, email, username, answers, quickest })
}

async fn try_wrong_password(stage: &Stage, case: &mut Case, number: usize) -> Outcome<()> {
    let name = if number.is_multiple_of(2) { &case.email } else { &case.username };
    let call =
        Call::new("POST", "/api/login").json(&json!({"username": name, "password": "a wrong password"}));
    let client = stage.client(stage.preparation_address())?;
    let reply = client.send(call).await;
    case.answers.insert(without_request(&reply));
    case.quickest = case.quickest.min(reply.time);
    Ok(())
}

/// The status and the body, apart from the request's number.
fn without_request(reply: &Reply) -> String {
    let mut body = reply.json();
    if let Value::Object(fields) = &mut body {
        fields.retain(|name, _| !name.contains("request") && name != "instance");
    }
    format!("{} {body}", reply.status)
}

fn compare(cases: &[Case], tally: &mut Tally) {
    let answers: BTreeSet<&String> = cases.iter().flat_map(|case| &case.answers).collect();
    let statuses: BTreeSet<&str> = answers.iter().filter_map(|answer| answer.get(..3)).collect();
    tally.require(
        answers.len() == 1,
        format!("{} kinds of answers to a wrong password, statuses {statuses:?}", answers.len()),
    );
    let times = cases.iter().map(|case| {
        let victim = if case.victim.is_some() { "with" } else { "without" };
        format!("{} squatters {victim} victim {} ms", case.squatters, case.quickest.as_millis())
    });
    tally.remark(times.collect::<Vec<_>>().join(", "));
    let quickest = cases.iter().map(|case| case.quickest.as_secs_f64()).fold(f64::MAX, f64::min);
    let slowest = cases.iter().map(|case| case.quickest.as_secs_f64()).fold(0.0, f64::max);
    tally.require(slowest <= quickest * ALIKE, format!("times differ by {:.1}", slowest / quickest));
}

/// The victim logs in with the right password as if there were no squatter.
async fn log_in(stage: &Stage, victim: &Account, squatters: usize, tally: &mut Tally) -> Outcome<()> {
    let client = stage.client(stage.preparation_address())?;
    let form = client.send(Browser::default().login(victim)).await;
    let body = json!({"username": victim.email, "password": victim.password});
    let api = client.send(Call::new("POST", "/api/login").json(&body)).await;
    for (what, expected, reply) in [("form", 303, form), ("API", 200, api)] {
        tally.count(reply.status);
        tally.require(
            reply.status == expected,
            format!("the victim's login by {what} beside {squatters} squatters is {}", reply.status),
        );
    }
    Ok(())
}
