//! Invalid input is refused with a clear problem and changes nothing.

use serde_json::json;

use crate::support::{Call, Person, database, raw_http, spawn_app, unique};

const STRANGE_IDS: [&str; 14] = [
    "0",
    "-1",
    "+1",
    "1e3",
    "1.0",
    "0x1",
    "9223372036854775808",
    "18446744073709551616",
    "%00",
    "1%00",
    "%31%0a",
    "x",
    "%F0%9F%95%8A",
    "1%2F2",
];

#[tokio::test]
async fn an_invalid_id_is_not_found() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let digits = "9".repeat(10_000);
    for id in STRANGE_IDS.iter().copied().chain([digits.as_str()]) {
        let path = format!("/api/notes/{id}");
        let shown: String = id.chars().take(30).collect();
        for call in [
            Call::new("GET", &path),
            Call::new("PUT", &path).json(&json!({"content": "x"})),
            Call::new("DELETE", &path),
        ] {
            let answer = script.answer(call).await;
            assert!(matches!(answer.status, 400 | 404), "{shown}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_utf8_is_refused() {
    let app = spawn_app().await;
    for path in
        ["/%ff", "/notes/%ff", "/api/notes/%ff", "/api/notes/%C0%AF", "/%00", "/notes/%", "/notes/%zz"]
    {
        let answer = raw_http::request(&app, &format!("GET {path}"), "").await;
        assert!(matches!(raw_http::status(&answer), 303 | 400 | 401 | 404), "{path}: {answer}");
    }
}

#[tokio::test]
async fn nul_characters_are_refused_with_the_name_of_the_field() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let before = database::tenant_checksum(person.tenant_id).await;
    let id = 1;
    for field in ["content", "title"] {
        let mut note = json!({"content": "x", "title": "y"});
        note[field] = json!("a\u{0}b");
        script.post("/api/notes", &note).await.expect_field_problem(422, field);
        let answer = script.put(&format!("/api/notes/{id}"), &note).await;
        assert!(matches!(answer.status, 404 | 422), "{}", answer.status);
    }
    for field in ["username", "email", "tenant_name"] {
        let mut body = json!({
            "username": unique("user"), "email": "a@example.test", "password": "testpass",
            "tenant_name": unique("Org "),
        });
        body[field] = json!("a\u{0}b@example.test");
        app.post_json("/api/register", &body).await.expect_field_problem(422, field);
    }
    let body = json!({"username": "a\u{0}b", "password": "testpass"});
    let answer = app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await;
    assert!(matches!(answer.status, 401 | 422), "{}", answer.status);
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_are_refused_and_change_nothing() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("text").await;
    let path = format!("/api/notes/{id}");
    let before = database::tenant_checksum(person.tenant_id).await;
    for body in [
        json!({}),
        json!([]),
        json!("text"),
        json!(7),
        json!(null),
        json!({"content": null}),
        json!({"content": 7}),
        json!({"content": ["x"]}),
        json!({"content": {"text": "x"}}),
        json!({"content": "x", "title": 7}),
        json!({"content": "x", "titel": "misspelt"}),
        json!({"content": "x", "id": 7}),
        json!({"content": "x", "note_id": 7}),
        json!({"content": "x", "user_id": person.user_id}),
        json!({"content": "x", "created_at": "2020-01-01T00:00:00Z"}),
        json!({"content": "x", "deleted_at": null}),
        json!({"content": "x", "is_admin": true}),
    ] {
        for answer in [script.post("/api/notes", &body).await, script.put(&path, &body).await] {
            assert!(matches!(answer.status, 400 | 422), "{body}: {} {}", answer.status, answer.text());
            let status = answer.status;
            answer.expect_problem(status);
        }
    }
    for tenant in [json!("1"), json!(1.5), json!(true), json!([])] {
        let body = json!({"content": "x", "tenant_id": tenant});
        let answer = script.post("/api/notes", &body).await;
        assert!(matches!(answer.status, 400 | 422), "{tenant}: {}", answer.status);
    }
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
}

#[tokio::test]
async fn a_missing_or_mistyped_field_is_named() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for (body, field) in [
        (json!({"title": "x"}), "content"),
        (json!({"content": 7}), "content"),
        (json!({"content": "x", "title": []}), "title"),
        (json!({"content": "x", "tenant_id": "1"}), "tenant_id"),
    ] {
        script.post("/api/notes", &body).await.expect_field_problem(422, field);
    }
}

#[tokio::test]
async fn sign_up_refuses_role_and_id_fields() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    database::open_tenant(founder.tenant_id).await;
    for (field, value) in [
        ("role", json!("owner")),
        ("id", json!(1)),
        ("user_id", json!(1)),
        ("is_admin", json!(true)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut body = json!({
            "username": unique("user"), "password": "testpass",
            "tenant_name": founder.tenant_name,
        });
        body[field] = value;
        app.post_json("/api/register", &body).await.expect_problem(422);
    }
    assert_eq!(database::user_count(founder.tenant_id).await, 1);
}

#[tokio::test]
async fn a_duplicate_json_field_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for body in [
        "{\"content\": \"x\", \"content\": \"y\"}",
        "{\"content\": \"x\", \"tenant_id\": 1, \"tenant_id\": 2}",
    ] {
        let call = Call::new("POST", "/api/notes").body("application/json", body);
        let answer = script.answer(call).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.status);
    }
}

#[tokio::test]
async fn deeply_nested_json_is_refused_and_the_server_keeps_running() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for (open, close) in [("[", "]"), ("{\"content\":", "}")] {
        for depth in [200, 10_000, 100_000] {
            let body = open.repeat(depth) + "1" + &close.repeat(depth);
            let call = Call::new("POST", "/api/notes").body("application/json", body);
            let answer = script.answer(call).await;
            assert!(matches!(answer.status, 400 | 413 | 422), "{depth}: {}", answer.status);
        }
    }
    script.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_body_of_8_mib_is_413() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let body = format!("{{\"content\": \"{}\"}}", "x".repeat(8 << 20));
    let call = Call::new("POST", "/api/notes").body("application/json", body);
    if let Ok(answer) = call.bearer(&script.token).try_send(&app.http, &app.base).await {
        answer.expect_problem(413);
    }
    assert_eq!(database::note_count(person.tenant_id).await, 0);
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    let request = format!(
        "POST /api/notes HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        app.base.trim_start_matches("http://"),
        script.token,
        chunk.repeat(8),
    );
    let answer = raw_http::exchange(&app, request.as_bytes()).await;
    assert!(matches!(raw_http::status(&answer), 0 | 413), "{answer}");
    script.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let call = Call::new("POST", "/api/notes")
        .body("application/json", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
        .header("content-encoding", "gzip");
    let answer = script.answer(call).await;
    assert!(matches!(answer.status, 400 | 413 | 415 | 422), "{}", answer.status);
}

#[tokio::test]
async fn empty_and_blank_notes_are_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for content in ["", "   ", "\n\n"] {
        let body = json!({"content": content});
        script.post("/api/notes", &body).await.expect_field_problem(422, "content");
    }
}

#[tokio::test]
async fn a_title_of_10000_characters_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let body = json!({"content": "x", "title": "t".repeat(10_000)});
    script.post("/api/notes", &body).await.expect_field_problem(422, "title");
}
