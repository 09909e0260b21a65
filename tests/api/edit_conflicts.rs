//! Concurrent edits: If-Match, versions and merges. No text is overwritten silently.

use serde_json::json;

use crate::support::{Call, Person, Script, database, spawn_app};

const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

async fn put_if_match(script: &Script, path: &str, tag: &str, content: &str) -> crate::support::Answer {
    let call = Call::new("PUT", path).json(&json!({"content": content})).header("if-match", tag);
    script.answer(call).await
}

#[tokio::test]
async fn if_match_accepts_the_current_version_and_refuses_a_stale_one() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note(POEM).await;
    let path = format!("/api/notes/{id}");
    put_if_match(&script, &path, "\"1\"", "second").await.expect(200);
    put_if_match(&script, &path, "\"1\"", "third").await.expect_problem(412);
    assert_eq!(script.read(id).await["content"], "second");
    put_if_match(&script, &path, "*", "fourth").await.expect(200);
    put_if_match(&script, &path, "\"1\", \"3\"", "fifth").await.expect(200);
    for nonsense in ["\"99\"", "\"x\"", "nonsense", "\"4\"x", "W/\"4\""] {
        let answer = put_if_match(&script, &path, nonsense, "lost").await;
        assert!(matches!(answer.status, 400 | 412), "If-Match {nonsense}: {}", answer.status);
    }
    let note = script.read(id).await;
    assert_eq!((&note["content"], &note["version"]), (&json!("fifth"), &json!(4)));
}

#[tokio::test]
async fn delete_with_if_match_deletes_only_that_version() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("first").await;
    let path = format!("/api/notes/{id}");
    script.put(&path, &json!({"content": "second"})).await.expect(200);
    let stale = Call::new("DELETE", &path).header("if-match", "\"1\"");
    script.answer(stale).await.expect_problem(412);
    assert_eq!(script.read(id).await["content"], "second");
    let current = Call::new("DELETE", &path).header("if-match", "\"2\"");
    script.answer(current).await.expect(204);
}

#[tokio::test]
async fn edits_of_different_lines_are_merged() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note(POEM).await;
    let path = format!("/api/notes/{id}");
    let first = POEM.replace("one", "ONE");
    let second = POEM.replace("seven", "SEVEN");
    script.put(&path, &json!({"content": first, "version": 1})).await.expect(200);
    let merged = script.put(&path, &json!({"content": second, "version": 1})).await.expect(200);
    let both = POEM.replace("one", "ONE").replace("seven", "SEVEN");
    assert_eq!(merged.json()["content"], both);
    assert_eq!(merged.json()["version"], 3);
    assert_eq!(merged.header("etag"), "\"3\"");
    assert_eq!(script.read(id).await["content"], both);
}

#[tokio::test]
async fn edits_of_the_same_line_are_412_and_change_nothing() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note(POEM).await;
    let path = format!("/api/notes/{id}");
    let first = POEM.replace("four", "FOUR");
    script.put(&path, &json!({"content": first, "version": 1})).await.expect(200);
    let before = database::tenant_checksum(person.tenant_id).await;
    let second = POEM.replace("four", "vier");
    let refused = script.put(&path, &json!({"content": second, "version": 1})).await;
    refused.expect_problem(412);
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
}

#[tokio::test]
async fn a_version_that_does_not_exist_yet_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await;
    let path = format!("/api/notes/{id}");
    for version in [2, 2_147_483_647] {
        let answer = script.put(&path, &json!({"content": "x", "version": version})).await;
        assert!(matches!(answer.status, 412 | 422), "{version}: {}", answer.status);
    }
    for version in [json!(0), json!(-1), json!(2_147_483_648_i64), json!("1"), json!(1.5)] {
        let answer = script.put(&path, &json!({"content": "x", "version": version})).await;
        assert!(matches!(answer.status, 400 | 412 | 422), "{version}: {}", answer.status);
    }
    assert_eq!(script.read(id).await["version"], 1);
}

#[tokio::test]
async fn no_concurrent_edit_that_was_accepted_is_lost() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let lines: Vec<String> = (0..40).map(|line| format!("line {line}")).collect();
    let id = script.note(&lines.join("\n")).await;
    let path = format!("/api/notes/{id}");
    let edits = (0..8).map(|edit| {
        let (script, path) = (script.clone(), path.clone());
        let mut mine = lines.clone();
        mine[edit * 5] = format!("edit {edit}");
        async move { script.put(&path, &json!({"content": mine.join("\n"), "version": 1})).await }
    });
    let answers = futures_util::future::join_all(edits).await;
    let note = script.read(id).await;
    let content = note["content"].as_str().expect("a text");
    let mut accepted = 0;
    for (edit, answer) in answers.iter().enumerate() {
        let kept = content.contains(&format!("edit {edit}"));
        match answer.status {
            200 => accepted += 1,
            409 | 412 | 503 => {}
            other => panic!("edit {edit}: {other} {}", answer.text()),
        }
        assert_eq!(kept, answer.status == 200, "edit {edit} was {}", answer.status);
    }
    assert!(accepted > 0);
    assert_eq!(note["version"], accepted + 1);
}

#[tokio::test]
async fn every_replaced_text_is_kept_as_a_revision() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("first").await;
    let path = format!("/api/notes/{id}");
    script.put(&path, &json!({"content": "second", "title": "t"})).await.expect(200);
    script.put(&path, &json!({"content": "third"})).await.expect(200);
    let client = database::admin().await;
    let rows = client
        .query(
            "SELECT version, title, content, replaced_by FROM note_revisions \
             WHERE tenant_id = $1 AND note_id = $2 ORDER BY version",
            &[&person.tenant_id, &id],
        )
        .await
        .expect("revisions");
    let kept: Vec<(i32, Option<String>, String, i64)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    assert_eq!(
        kept,
        [
            (1, None, "first".to_owned(), person.user_id),
            (2, Some("t".to_owned()), "second".to_owned(), person.user_id),
        ]
    );
}
