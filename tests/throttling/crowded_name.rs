//! Many right logins of one account at once: they wait for each other, and others do not wait for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::devices::known_browser;
use super::{Sender, behind_proxy, new_address};
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Person, unique};

fn form(person: &Person) -> Call {
    Call::new("POST", "/login").form(&person.credentials())
}

/// The logins of the crowd for one of the others, at most. In turns it is one or two; where each of twelve
/// clients has a line of its own, it is twelve.
const SHARE_OF_CROWD: usize = 4;

/// Clients of a crowd log in without a pause, each with its own call. Meanwhile others send eight calls one
/// after the other, each until it is served. However slow the machine is, it serves them as often as the
/// crowd.
async fn beside_a_crowd(app: &App, crowd: Vec<Call>, others: Vec<(Call, u16)>) {
    let (over, crowded) = (AtomicBool::new(false), AtomicUsize::new(0));
    let clients = futures_util::future::join_all(crowd.into_iter().map(async |call| {
        while !over.load(Relaxed) {
            let answer = app.answer(call.clone()).await;
            assert!(matches!(answer.status, 303 | 429 | 503), "{}", answer.status);
            crowded.fetch_add(usize::from(answer.status == 303), Relaxed);
        }
    }));
    let others = async {
        crate::support::eventually("the crowd logs in", async || crowded.load(Relaxed) > 0).await;
        crowded.store(0, Relaxed);
        let most = others.len() * SHARE_OF_CROWD;
        for (call, expected) in others {
            loop {
                let status = app.answer(call.clone()).await.status;
                let crowded = crowded.load(Relaxed);
                assert!(crowded <= most, "the crowd logged in {crowded} times, and others wait");
                if status == expected {
                    break;
                }
                assert_eq!(status, 503);
            }
        }
        over.store(true, Relaxed);
    };
    tokio::join!(clients, others);
}

#[tokio::test]
async fn right_logins_of_one_account_from_twelve_networks_keep_no_stranger_out() {
    let (_server, app) = behind_proxy(ServerBuilder::new()).await;
    let (attacker, person) = (Person::founder(&app).await, Person::founder(&app).await);
    let addresses: Vec<String> = (0..12).map(|_| new_address()).collect();
    let crowd = addresses.iter().map(|address| form(&attacker).sent_from(address)).collect();
    let others = (0..8).map(|number| {
        let body = serde_json::json!({"username": unique("user"), "password": "a good password",
            "tenant_name": unique("Org ")});
        let sign_up = Call::new("POST", "/api/register").json(&body);
        let (call, status) = if number % 2 == 0 { (form(&person), 303) } else { (sign_up, 201) };
        (call.sent_from(&new_address()), status)
    });
    beside_a_crowd(&app, crowd, others.collect()).await;
}

#[tokio::test]
async fn twelve_known_browsers_of_one_account_keep_no_known_browser_of_a_colleague_out() {
    let (_server, app) = behind_proxy(ServerBuilder::new()).await;
    let attacker = Person::founder(&app).await;
    let colleague = attacker.colleague(&app).await;
    let (here, beside) = (new_address(), known_browser(&app, &colleague).await);
    let mut crowd = Vec::new();
    for _ in 0..12 {
        let cookies = known_browser(&app, &attacker).await.cookie_header();
        crowd.push(form(&attacker).sent_from(&here).header("cookie", cookies));
    }
    let call = form(&colleague).sent_from(&here).header("cookie", beside.cookie_header());
    beside_a_crowd(&app, crowd, (0..8).map(|_| (call.clone(), 303)).collect()).await;
}
