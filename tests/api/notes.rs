//! Creating, reading, replacing and deleting notes.

use serde_json::json;

use crate::support::{Call, Person, spawn_app};

#[tokio::test]
async fn a_note_is_created_read_replaced_and_deleted() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;

    let created = script.post("/api/notes", &json!({"title": "Tea", "content": "Assam\n"})).await.expect(201);
    let id = created.json()["note_id"].as_i64().expect("an id");
    let path = format!("/api/notes/{id}");
    assert_eq!(created.location(), path);

    let read = script.get(&path).await.expect(200);
    assert_eq!(read.header("etag"), "\"1\"");
    let note = read.json();
    let mut members: Vec<_> = note.as_object().expect("an object").keys().collect();
    members.sort();
    assert_eq!(
        members,
        ["content", "created_at", "note_id", "tenant_id", "title", "updated_at", "user_id", "version"]
    );
    assert_eq!(note["note_id"], id);
    assert_eq!(note["tenant_id"], person.tenant_id);
    assert_eq!(note["user_id"], person.user_id);
    assert_eq!(note["title"], "Tea");
    assert_eq!(note["content"], "Assam\n");
    assert_eq!(note["version"], 1);
    for time in ["created_at", "updated_at"] {
        let text = note[time].as_str().expect("a time");
        chrono::DateTime::parse_from_rfc3339(text).expect("an RFC 3339 time");
    }

    let replaced = script.put(&path, &json!({"content": "Darjeeling"})).await.expect(200);
    assert_eq!(replaced.header("etag"), "\"2\"");
    assert_eq!(replaced.json()["content"], "Darjeeling");
    assert_eq!(replaced.json()["version"], 2);
    assert_eq!(script.read(id).await, replaced.json());

    let deleted = script.delete(&path).await.expect(204);
    assert!(deleted.body.is_empty());
    script.get(&path).await.expect_problem(404);
    script.put(&path, &json!({"content": "x"})).await.expect_problem(404);
    script.delete(&path).await.expect_problem(404);
    let listed = script.get("/api/notes").await.expect(200).json();
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn a_title_can_be_set_and_removed() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await;
    let path = format!("/api/notes/{id}");
    assert!(script.read(id).await["title"].is_null());
    script.put(&path, &json!({"content": "text", "title": "A title"})).await.expect(200);
    assert_eq!(script.read(id).await["title"], "A title");
    script.put(&path, &json!({"content": "text", "title": null})).await.expect(200);
    assert!(script.read(id).await["title"].is_null());
}

#[tokio::test]
async fn the_text_of_a_note_is_kept_byte_for_byte() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for content in
        ["\n\nx", "a\nb", "trailing blanks  \n  ", "</textarea>", "🕊️ e\u{301} \u{202e}x", "\t\u{7f}"]
    {
        let id = script.note(content).await;
        assert_eq!(script.read(id).await["content"], content);
    }
}

#[tokio::test]
async fn api_head_is_get_without_a_body() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await;
    for path in ["/api/notes".to_owned(), format!("/api/notes/{id}"), "/api/me".to_owned()] {
        let get = script.get(&path).await.expect(200);
        let head = script.answer(Call::new("HEAD", &path)).await.expect(200);
        assert!(head.body.is_empty());
        for header in ["content-type", "etag", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
    }
}

#[tokio::test]
async fn naming_another_tenant_or_user_for_a_new_note_is_403() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let colleague = person.colleague(&app).await;
    let script = person.script(&app).await;
    let own = json!({"content": "x", "tenant_id": person.tenant_id, "userid": person.user_id});
    script.post("/api/notes", &own).await.expect(201);
    for foreign in [
        json!({"content": "x", "tenant_id": person.tenant_id + 1}),
        json!({"content": "x", "tenant_id": 1}),
        json!({"content": "x", "userid": colleague.user_id}),
        json!({"content": "x", "tenant_id": person.tenant_id, "userid": colleague.user_id}),
    ] {
        script.post("/api/notes", &foreign).await.expect_problem(403);
    }
    let listed = script.get("/api/notes").await.expect(200).json();
    assert_eq!(listed.as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn a_note_of_256_kib_is_kept_and_one_byte_more_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let largest = "🕊".repeat(262_144 / 4);
    let id = script.note(&largest).await;
    assert_eq!(script.read(id).await["content"], largest);
    let path = format!("/api/notes/{id}");
    let refused = script.post("/api/notes", &json!({"content": format!("{largest}x")})).await;
    assert!(matches!(refused.status, 413 | 422), "{}", refused.status);
    let refused = script.put(&path, &json!({"content": format!("{largest}x")})).await;
    assert!(matches!(refused.status, 413 | 422), "{}", refused.status);
    assert_eq!(script.read(id).await["version"], 1);
}

#[tokio::test]
async fn a_note_of_256_kib_may_be_all_json_escapes() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let escaped = "\\ud83d\\udd4a".repeat(262_144 / 4);
    let body = format!("{{\"content\": \"{escaped}\"}}");
    let call = Call::new("POST", "/api/notes").body("application/json", body);
    script.answer(call).await.expect(201);
}
