//! `share_with` on a new note, and the delivery state in the answer.

use serde_json::{Value, json};

use crate::support::{App, Call, Person, Script, database, eventually, spawn_app, unique};

async fn share(script: &Script, share_with: Value) -> crate::support::Answer {
    let body = json!({"content": unique("shared "), "share_with": share_with, "access": "edit"});
    script.answer(Call::new("POST", "/api/notes").json(&body).header("prefer", "wait=20")).await
}

async fn inbox(person: &Person, note: i64) -> i64 {
    let sql = "SELECT count(*) FROM shared_notes WHERE tenant_id = $1 AND recipient_id = $2 \
        AND note_id = $3 AND access = 'edit'";
    database::number(sql, &[&person.tenant_id, &person.user_id, &note]).await
}

async fn author_and_reader(app: &App) -> (Person, Script, Person) {
    let author = Person::founder(app).await;
    let reader = author.colleague(app).await;
    let script = author.script(app).await;
    (author, script, reader)
}

#[tokio::test]
async fn a_note_is_in_the_inbox_when_the_answer_says_acknowledged() {
    let app = spawn_app().await;
    let (author, script, reader) = author_and_reader(&app).await;
    let answer = share(&script, json!([reader.user_id])).await.expect(201);
    assert_eq!(answer.json()["delivery"], "acknowledged", "{}", answer.text());
    assert_eq!(answer.header("preference-applied"), "wait=20");
    let note = answer.json()["note_id"].as_i64().expect("a number");
    assert_eq!(answer.location(), format!("/api/notes/{note}"));
    assert_eq!((inbox(&reader, note).await, inbox(&author, note).await), (1, 0));

    let deliveries = script.get(&format!("/api/notes/{note}/deliveries")).await.expect(200).json();
    assert_eq!(deliveries.as_array().map(Vec::len), Some(1), "{deliveries}");
    assert_eq!(deliveries[0]["delivery"], "acknowledged");
    let others = reader.script(&app).await;
    others.get(&format!("/api/notes/{note}/deliveries")).await.expect_problem(403);
}

#[tokio::test]
async fn a_note_shared_with_everyone_reaches_all_but_its_author() {
    let app = spawn_app().await;
    let (author, script, reader) = author_and_reader(&app).await;
    let second = author.colleague(&app).await;
    let answer = share(&script, json!("everyone")).await.expect(201).json();
    let note = answer["note_id"].as_i64().expect("a number");
    for (person, count) in [(&reader, 1), (&second, 1), (&author, 0)] {
        assert_eq!(inbox(person, note).await, count);
    }
}

#[tokio::test]
async fn an_invalid_audience_is_refused_with_its_field_and_writes_nothing() {
    let app = spawn_app().await;
    let (author, script, reader) = author_and_reader(&app).await;
    let stranger = Person::founder(&app).await;
    let many: Vec<i64> = (1..=101).collect();
    for odd in [
        json!("nobody"),
        json!([]),
        json!([author.user_id]),
        json!([reader.user_id, stranger.user_id]),
        json!(many),
        json!(vec![reader.user_id; 101]),
        json!([-1]),
    ] {
        let answer = share(&script, odd.clone()).await;
        answer.expect_field_problem(422, "share_with");
    }
    for odd in [json!(7), json!({"a": 1}), json!(["x"])] {
        assert_eq!(share(&script, odd).await.status, 422);
    }
    let body = json!({"content": "x", "share_with": "everyone", "access": "own"});
    script.post("/api/notes", &body).await.expect_field_problem(422, "access");
    let removed = "UPDATE shared.users SET removed_at = now() WHERE tenant_id = $1 AND id = $2";
    database::admin().await.execute(removed, &[&reader.tenant_id, &reader.user_id]).await.expect("removed");
    share(&script, json!([reader.user_id])).await.expect_field_problem(422, "share_with");
    assert_eq!(database::note_count(author.tenant_id).await, 0);
}

#[tokio::test]
async fn without_prefer_the_answer_is_immediate_and_the_note_is_delivered() {
    let app = spawn_app().await;
    let (_, script, reader) = author_and_reader(&app).await;
    let body = json!({"content": "at once", "share_with": [reader.user_id], "access": "edit"});
    let answer = script.post("/api/notes", &body).await.expect(201);
    assert_eq!(answer.json()["delivery"], "pending");
    assert_eq!(answer.header("preference-applied"), "");
    let note = answer.json()["note_id"].as_i64().expect("a number");
    eventually("delivered", async || inbox(&reader, note).await == 1).await;
    let plain = script.post("/api/notes", &json!({"content": "not shared"})).await.expect(201).json();
    assert!(plain.get("delivery").is_none(), "{plain}");
}
