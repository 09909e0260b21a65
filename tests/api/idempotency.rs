//! Idempotency-Key: a repeated request does its work once.

use serde_json::{Value, json};

use crate::support::{Answer, Call, Person, Script, database, spawn_app, unique};

fn create_with_key(key: &str, body: &Value) -> Call {
    Call::new("POST", "/api/notes").json(body).header("idempotency-key", key)
}

fn assert_same_answer(first: &Answer, second: &Answer) {
    assert_eq!(first.without_request_id(), second.without_request_id());
}

#[tokio::test]
async fn the_same_key_and_body_write_once_and_repeat_the_answer() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let (key, body) = (unique("key-"), json!({"content": "once", "title": "A title"}));
    let first = script.answer(create_with_key(&key, &body)).await.expect(201);
    let second = script.answer(create_with_key(&key, &body)).await.expect(201);
    assert_same_answer(&first, &second);
    let quoted = script.answer(create_with_key(&format!("\"{key}\""), &body)).await.expect(201);
    assert_same_answer(&first, &quoted);
    // The answer is repeated even after the note has changed.
    let id = first.json()["note_id"].as_i64().expect("an id");
    script.put(&format!("/api/notes/{id}"), &json!({"content": "changed"})).await.expect(200);
    assert_same_answer(&first, &script.answer(create_with_key(&key, &body)).await.expect(201));
    assert_eq!(database::note_count(person.tenant_id).await, 1);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_write_once() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let (key, body) = (unique("key-"), json!({"content": "once"}));
    let calls = (0..8).map(|_| script.answer(create_with_key(&key, &body)));
    let answers = futures_util::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["note_id"], answers[0].json()["note_id"]);
    }
    assert_eq!(database::note_count(person.tenant_id).await, 1);
}

#[tokio::test]
async fn a_key_reused_for_another_body_is_refused() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let key = unique("key-");
    script.answer(create_with_key(&key, &json!({"content": "one"}))).await.expect(201);
    script
        .answer(create_with_key(&key, &json!({"content": "another"})))
        .await
        .expect_field_problem(422, "Idempotency-Key");
    script
        .answer(create_with_key(&key, &json!({"content": "one", "title": "more"})))
        .await
        .expect_field_problem(422, "Idempotency-Key");
    assert_eq!(database::note_count(person.tenant_id).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_its_user_and_tenant() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let (colleague, stranger) = (owner.colleague(&app).await, Person::founder(&app).await);
    let (key, body) = (unique("key-"), json!({"content": "the same"}));
    let mut written = std::collections::BTreeSet::new();
    for person in [&owner, &colleague, &stranger] {
        let script: Script = person.script(&app).await;
        written
            .insert(script.answer(create_with_key(&key, &body)).await.expect(201).json()["note_id"].as_i64());
    }
    assert_eq!(written.len(), 3);
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_refused() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    for key in ["", "two words", "\"\"", &"x".repeat(256)] {
        script
            .answer(create_with_key(key, &json!({"content": "text"})))
            .await
            .expect_field_problem(422, "Idempotency-Key");
    }
    let twice = create_with_key("a", &json!({"content": "text"})).header("idempotency-key", "b");
    script.answer(twice).await.expect_field_problem(422, "Idempotency-Key");
    assert_eq!(database::note_count(person.tenant_id).await, 0);
}

#[tokio::test]
async fn a_failed_request_can_be_retried_with_its_key() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let key = unique("key-");
    script.answer(create_with_key(&key, &json!({"content": ""}))).await.expect_field_problem(422, "content");
    script.answer(create_with_key(&key, &json!({"content": "text"}))).await.expect(201);
}

#[tokio::test]
async fn submitting_a_form_twice_writes_once() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let page = browser.page("/notes/new").await;
    let number = page
        .all("input[name=once]")
        .first()
        .and_then(|field| field.value().attr("value"))
        .expect("a number")
        .to_owned();
    let fields = [("content", "typed once"), ("title", ""), ("once", number.as_str())];
    for _ in 0..2 {
        browser.post("/notes", &fields).await.expect_see_other("/notes");
    }
    assert_eq!(database::note_count(person.tenant_id).await, 1);
    // After the Back button, another text in the same form is a new note.
    browser
        .post("/notes", &[("content", "something else"), ("once", number.as_str())])
        .await
        .expect_see_other("/notes");
    assert_eq!(database::note_count(person.tenant_id).await, 2);
}

#[tokio::test]
async fn a_repeated_invitation_request_returns_the_same_token() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let key = unique("key-");
    let invite =
        |body: Value| Call::new("POST", "/api/invitations").json(&body).header("idempotency-key", &key);
    let first = script.answer(invite(json!({"role": "admin"}))).await.expect(201);
    assert_same_answer(&first, &script.answer(invite(json!({"role": "admin"}))).await.expect(201));
    script.answer(invite(json!({"role": "member"}))).await.expect_field_problem(422, "Idempotency-Key");
    assert_eq!(script.get("/api/invitations").await.expect(200).json().as_array().map(Vec::len), Some(1));
    let kept: String = database::admin()
        .await
        .query_one("SELECT answer FROM idempotency_keys WHERE key = $1", &[&key])
        .await
        .expect("a key")
        .get(0);
    assert!(!kept.contains("phi_"), "the token is kept in clear");
}

#[tokio::test]
async fn a_repeated_share_request_shares_once() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    owner.colleague(&app).await;
    let script = owner.script(&app).await;
    let id = script.note("to share").await;
    let key = unique("key-");
    let share = |access: &str| {
        let body = json!({"share_with": "everyone", "access": access});
        Call::new("POST", &format!("/api/notes/{id}/shares")).json(&body).header("idempotency-key", &key)
    };
    for _ in 0..2 {
        script.answer(share("read")).await.expect(201);
    }
    script.answer(share("edit")).await.expect_field_problem(422, "Idempotency-Key");
    let messages = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND note_id = $2";
    assert_eq!(database::number(messages, &[&owner.tenant_id, &id]).await, 1);
}

#[tokio::test]
async fn a_repeated_sign_up_needs_the_same_password() {
    let app = spawn_app().await;
    let (key, tenant) = (unique("key-"), unique("Org "));
    let sign_up = |password: &str, tenant: &str| {
        let body = json!({"username": "founder", "password": password, "tenant_name": tenant});
        app.answer_retrying(Call::new("POST", "/api/register").json(&body).header("idempotency-key", &key))
    };
    let first = sign_up("a good password", &tenant).await.expect(201);
    assert_same_answer(&first, &sign_up("a good password", &tenant).await.expect(201));
    sign_up("another password", &tenant).await.expect_problem(409);
    let person = first.json()["tenant_id"].as_i64().expect("a tenant");
    assert_eq!(database::user_count(person).await, 1);
}
