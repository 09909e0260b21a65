//! Concurrent logins: as many password hashes run as there are cores; the queue is bounded and the rest gets
//! 503.

use std::time::Duration;

use serde_json::json;

use super::failures::{assert_unavailable, on, recovers};
use crate::support::{App, Call, Person, database::OwnDatabase};

#[tokio::test]
async fn of_200_concurrent_logins_some_succeed_and_the_rest_are_503() {
    let database = OwnDatabase::create().await;
    // At this cost two hundred hashes cannot finish within the queue's timeout on any machine.
    let server = on(&database).set("BCRYPT_COST", "14").start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let body = json!({
        "username": person.username, "password": person.password, "tenant_id": person.tenant_id,
    });
    let by_api = Call::new("POST", "/api/login").json(&body);
    let mut fields = person.credentials().to_vec();
    fields.push(("tenant_name", &person.tenant_name));
    let by_form = Call::new("POST", "/login").form(&fields);
    let logins = (0..200).map(|number| {
        let call = if number % 2 == 0 { &by_api } else { &by_form };
        app.answer(call.clone())
    });
    let reads = (0..20).map(|_| script.get("/api/notes"));
    let (logins, reads) =
        tokio::join!(futures_util::future::join_all(logins), futures_util::future::join_all(reads));
    for answer in reads {
        answer.expect(200);
    }
    let mut counts = std::collections::BTreeMap::new();
    for answer in logins {
        *counts.entry(answer.status).or_insert(0) += 1;
        match answer.status {
            200 | 303 => {}
            503 => assert_unavailable(&answer, "a surplus login"),
            429 => assert!(!answer.header("retry-after").is_empty()),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(counts.get(&200).or(counts.get(&303)).is_some(), "no login succeeded: {counts:?}");
    assert!(counts.contains_key(&503) || counts.contains_key(&429), "no login was refused: {counts:?}");
    recovers(&app, by_api, 200).await;
}

#[tokio::test]
async fn disconnected_clients_leave_the_hash_queue() {
    let database = OwnDatabase::create().await;
    let server = on(&database).start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let body = json!({"username": person.username, "password": "wrong password"});
    let call = Call::new("POST", "/api/login").json(&body);
    for _ in 0..5 {
        let tries =
            (0..40).map(|_| tokio::time::timeout(Duration::from_millis(150), app.answer(call.clone())));
        futures_util::future::join_all(tries).await;
    }
    let body = json!({"username": person.username, "password": person.password});
    recovers(&app, Call::new("POST", "/api/login").json(&body), 200).await;
}
