//! Accounts of one name, of which one is the attacker's own: it opens no way to guess at the others.

use super::devices::known_browser;
use super::{Sender, admitted, behind_proxy, login, new_address, server_with_limits};
use crate::support::server::ServerBuilder;
use crate::support::{Call, Person, spawn_app, unique};

/// A login that names no organization.
fn anywhere(name: &str, password: &str) -> Call {
    Call::new("POST", "/login").form(&[("email", name), ("password", password)])
}

/// A victim, and an account of the attacker with the victim's name and e-mail.
async fn victim_and_squatter() -> (Person, Person) {
    let app = spawn_app().await;
    let victim = Person::founder(&app).await;
    let squatter = Person { password: unique("a squatter's "), ..victim.clone() };
    (victim, squatter.namesake(&app, &unique("Squat ")).await)
}

#[tokio::test]
async fn a_browser_is_known_for_its_own_accounts_and_not_for_others_of_the_name() {
    let (_server, app, _) = server_with_limits().await;
    let (victim, squatter) = victim_and_squatter().await;
    for name in [&victim.username, &victim.email] {
        let (browser, here) = (known_browser(&app, &squatter).await, new_address());
        for number in 0..40 {
            let password = if number % 10 == 9 { &squatter.password } else { "wrong password" };
            let answer = browser.answer(anywhere(name, password).sent_from(&here)).await;
            assert!(matches!(answer.status, 303 | 401 | 429 | 503), "{}", answer.text());
        }
        let right = browser.answer(anywhere(name, &victim.password).sent_from(&here)).await;
        assert!(
            matches!(right.status, 401 | 429),
            "after 36 guesses the victim's password is tried: {}",
            right.status
        );
    }
}

#[tokio::test]
async fn a_password_mistyped_in_a_known_browser_is_401_whatever_others_failed() {
    let (_server, app, console) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let browser = known_browser(&app, &person).await;
    let here = new_address();
    for _ in 0..12 {
        admitted(&app, anywhere(&person.username, "wrong password").sent_from(&here)).await;
    }
    super::assert_throttled(&app.answer(anywhere(&person.username, "wrong password").sent_from(&here)).await);
    let before = super::hashes(&console).await;
    browser.answer(anywhere(&person.username, "mistyped").sent_from(&here)).await.expect(401);
    assert_eq!(super::hashes(&console).await, before + 1, "more than the browser's own account was tried");
    let right = anywhere(&person.username, &person.password).sent_from(&here);
    browser.answer(right).await.expect_see_other("/dashboard");
}

#[tokio::test]
async fn a_known_browser_finds_an_account_that_it_does_not_know_at_the_usual_cost() {
    let (_server, app, console) = server_with_limits().await;
    let (victim, squatter) = victim_and_squatter().await;
    let browser = known_browser(&app, &squatter).await;
    for (password, status) in [("wrong password", 401), (victim.password.as_str(), 303)] {
        let before = super::hashes(&console).await;
        let call = anywhere(&victim.email, password).header("cookie", browser.cookie_header());
        admitted(&app, call.sent_from(&new_address())).await.expect(status);
        assert_eq!(super::hashes(&console).await, before + 3);
    }
}

#[tokio::test]
async fn a_success_of_another_account_of_the_name_gives_no_guess_back() {
    let (_server, app, _) = server_with_limits().await;
    let (victim, squatter) = victim_and_squatter().await;
    let mut tried = 0;
    for _ in 0..14 {
        let here = new_address();
        for _ in 0..9 {
            let guess = anywhere(&victim.username, "wrong password").sent_from(&here);
            tried += usize::from(admitted(&app, guess).await.status == 401);
        }
        let own = anywhere(&squatter.username, &squatter.password).sent_from(&here);
        assert!(matches!(admitted(&app, own).await.status, 303 | 429));
    }
    // Twenty, and what comes back meanwhile on a slow machine.
    assert!((20..=24).contains(&tried), "{tried} guesses were tried");
}

#[tokio::test]
async fn all_ways_to_name_an_account_have_a_hundred_guesses_together() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let (id, organization) = (person.tenant_id.to_string(), person.tenant_name.as_str());
    let mut tried = 0;
    for name in [&person.username, &person.email] {
        for field in [("", ""), ("tenant_id", &id), ("tenant_name", organization)] {
            for _ in 0..4 {
                let here = new_address();
                for _ in 0..12 {
                    let answer = admitted(&app, guess(name, field).sent_from(&here)).await;
                    tried += usize::from(answer.status == 401);
                    assert!(matches!(answer.status, 401 | 429), "{}", answer.text());
                }
            }
        }
    }
    assert!((80..=110).contains(&tried), "{tried} guesses were tried");
    // A user of the same name in another organization is let in, from anywhere.
    let namesake = person.namesake(&spawn_app().await, &unique("Other ")).await;
    let right = login(&namesake.username, &namesake.password, namesake.tenant_id);
    admitted(&app, right.sent_from(&new_address())).await.expect(200);
}

fn guess(name: &str, (field, value): (&str, &str)) -> Call {
    let mut body = serde_json::json!({"username": name, "password": "wrong password"});
    match field {
        "" => {}
        "tenant_id" => body[field] = value.parse::<i64>().expect("a number").into(),
        _ => body[field] = value.into(),
    }
    Call::new("POST", "/api/login").json(&body)
}

#[tokio::test]
async fn an_address_that_guesses_on_does_not_slow_the_name_down_for_others() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let wrong = || login(&person.username, "wrong password", person.tenant_id);
    let here = new_address();
    for _ in 0..100 {
        admitted(&app, wrong().sent_from(&here)).await;
    }
    for _ in 0..9 {
        admitted(&app, wrong().sent_from(&new_address())).await.expect(401);
    }
    let right = login(&person.username, &person.password, person.tenant_id);
    admitted(&app, right.sent_from(&new_address())).await.expect(200);
}

#[tokio::test]
async fn logins_that_succeed_have_a_rate_of_their_own() {
    let (_server, app) = behind_proxy(ServerBuilder::new().without("ATTEMPTS_PER_ADDRESS")).await;
    let (person, other) = (Person::founder(&app).await, Person::founder(&app).await);
    let here = new_address();
    let right =
        |person: &Person| login(&person.username, &person.password, person.tenant_id).sent_from(&here);
    super::until_throttled(&app, 20, 200, |_| right(&person)).await;
    // Neither another user of the address nor the user at another address waits.
    admitted(&app, right(&other)).await.expect(200);
    let elsewhere = login(&person.username, &person.password, person.tenant_id).sent_from(&new_address());
    admitted(&app, elsewhere).await.expect(200);
}

#[tokio::test]
async fn a_known_browser_has_a_rate_and_the_browser_of_a_colleague_beside_it_has_its_own() {
    let (_server, app) = behind_proxy(ServerBuilder::new().without("ATTEMPTS_PER_ADDRESS")).await;
    let person = Person::founder(&app).await;
    let colleague = person.colleague(&app).await;
    let (here, mut refused) = (new_address(), false);
    let beside = known_browser(&app, &colleague).await;
    // The account has the rate, however many browsers know it.
    let browsers = [known_browser(&app, &person).await, known_browser(&app, &person).await];
    for number in 0..60 {
        let call = anywhere(&person.username, &person.password).sent_from(&here);
        let call = call.header("cookie", browsers[number % 2].cookie_header());
        let answer = admitted(&app, call).await;
        refused |= answer.status == 429;
        assert!(
            answer.status == 303 || (answer.status == 429 && number >= 16),
            "{number}: {}",
            answer.status
        );
    }
    assert!(refused, "a known browser logs in without end");
    let call = anywhere(&colleague.username, &colleague.password).sent_from(&here);
    beside.answer(call).await.expect_see_other("/dashboard");
}
