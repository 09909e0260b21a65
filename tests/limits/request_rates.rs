//! Requests a second.

use serde_json::json;

use super::allow;
use crate::support::server::ServerBuilder;
use crate::support::{App, Page, Person, retry_until_ok, spawn_app};

#[tokio::test]
async fn a_person_in_a_loop_is_asked_to_wait_and_loses_no_text_while_others_go_on() {
    spawn_app().await;
    let server = ServerBuilder::new()
        .set("LIMIT_REQUESTS_PER_PERSON", "4")
        .set("LIMIT_REQUESTS", "1000")
        .start_async()
        .await;
    let app = App::of(&server);
    let (person, other) = (Person::founder(&app).await, Person::founder(&app).await);
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let mut refused = None;
    for _ in 0..200 {
        let answer = script.get("/api/me").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        answer.expect(200);
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.header("retry-after"), "1");
    refused.expect_problem(429);

    // The page of the same person: the text comes back, and is saved a moment later.
    let fields = [("content", "typed in a hurry")];
    let page = loop {
        let answer = browser.post("/notes", &fields).await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), "1");
            break Page::parse(&answer.text());
        }
        answer.expect(303);
    };
    assert_eq!(page.all("textarea[name='content']")[0].text().collect::<String>().trim(), "typed in a hurry");
    other.script(&app).await.get("/api/me").await.expect(200);
    retry_until_ok(async || {
        let status = browser.post("/notes", &fields).await.status;
        if status == 303 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    let log = app.log();
    let line =
        format!("limit reached: requests_per_person: tenant {}, user {}", person.tenant_id, person.user_id);
    assert!((1..10).contains(&log.matches(&line).count()), "{log}");

    // An operator lifts it for the tenant; the session in the cache is a second old at most.
    allow(person.tenant_id, "requests_per_person", 0).await;
    retry_until_ok(async || {
        for _ in 0..30 {
            let status = script.get("/api/me").await.status;
            if status != 200 {
                return Err(status.to_string());
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_rate_of_an_organization_counts_all_its_people_and_no_stranger_uses_it_up() {
    spawn_app().await;
    let server = ServerBuilder::new().set("LIMIT_REQUESTS", "5").start_async().await;
    let app = App::of(&server);
    let owner = Person::founder(&app).await;
    let colleague = owner.colleague(&app).await;
    let script = owner.script(&app).await;
    // Made-up tokens of the tenant count nowhere.
    let forged = format!("{}x", &script.token[..script.token.len() - 1]);
    for _ in 0..60 {
        app.answer(crate::support::Call::new("GET", "/api/me").bearer(&forged)).await.expect(401);
    }
    script.post("/api/notes", &json!({"content": "at once"})).await.expect(201);
    let scripts = [script, colleague.script(&app).await];
    retry_until_ok(async || {
        for script in &scripts {
            if script.get("/api/me").await.status == 429 {
                return Ok(());
            }
        }
        Err("never refused")
    })
    .await;
}
