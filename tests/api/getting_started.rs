//! The four API calls of the README, word for word, and the demo tenant.

use serde_json::json;

use crate::support::{App, Call, database::OwnDatabase, server::ServerBuilder, spawn_app, unique};

#[tokio::test]
async fn the_four_calls_of_the_readme_work_on_an_empty_database() {
    let database = OwnDatabase::create().await;
    let server = ServerBuilder::new().set("DATABASE_URL", &database.url).start();
    let app = App::of(&server);

    let body = json!({"username": "testuser", "password": "testpass", "tenant_id": 1});
    let registered = app.post_json("/api/register", &body).await.expect(201);
    assert_eq!(registered.header("content-type"), "application/json");
    let registered = registered.json();
    assert_eq!(registered["tenant_id"], 1);
    assert_eq!(registered["message"], "User registered successfully");
    let user_id = registered["user_id"].as_i64().expect("a user's id");
    assert_eq!(registered.as_object().expect("an object").len(), 3);

    let body = json!({"username": "testuser", "password": "testpass"});
    let login = app.post_json("/api/login", &body).await.expect(200).json();
    let token = login["token"].as_str().expect("a token").to_owned();
    let expires = login["expires_at"].as_str().expect("a time");
    chrono::DateTime::parse_from_rfc3339(expires).expect("an RFC 3339 time");

    let note = json!({"content": "This is a test note", "tenant_id": 1});
    let call = Call::new("POST", "/api/notes").json(&note);
    let created = app.answer(call.bearer(&token)).await.expect(201);
    let id = created.json()["note_id"].as_i64().expect("a note's id");
    assert_eq!(created.json(), json!({"note_id": id, "message": "Note created successfully"}));
    assert_eq!(created.location(), format!("/api/notes/{id}"));

    let call = Call::new("GET", "/api/notes").bearer(&token);
    let notes = app.answer(call).await.expect(200).json();
    let notes = notes.as_array().expect("a list");
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["note_id"], id);
    assert_eq!(notes[0]["content"], "This is a test note");
    assert_eq!(notes[0]["tenant_id"], 1);
    assert_eq!(notes[0]["user_id"], user_id);
    assert_eq!(notes[0]["version"], 1);
    assert!(notes[0]["title"].is_null());
}

#[tokio::test]
async fn the_demo_tenant_can_be_switched_off() {
    let database = OwnDatabase::create().await;
    let server = ServerBuilder::new().set("DATABASE_URL", &database.url).set("DEMO_TENANT", "off").start();
    let app = App::of(&server);
    let body = json!({"username": "testuser", "password": "testpass", "tenant_id": 1});
    let refused = app.post_json("/api/register", &body).await;
    assert!((400..500).contains(&refused.status), "{}: {}", refused.status, refused.text());
    let client = database.client().await;
    let users = client.query_one("SELECT count(*) FROM shared.users", &[]).await;
    assert_eq!(users.expect("a count").get::<_, i64>(0), 0);
}

#[tokio::test]
async fn production_has_no_demo_tenant_unless_asked() {
    let database = OwnDatabase::create().await;
    let production = || {
        ServerBuilder::new()
            .set("DATABASE_URL", &database.url)
            .set("APP_ENV", "production")
            .set("PUBLIC_ORIGIN", "https://notes.example.test")
    };
    let body = json!({"username": "testuser", "password": "testpass", "tenant_id": 1});
    let register = Call::new("POST", "/api/register").json(&body).header("host", "notes.example.test");
    assert_eq!(production().run("migrate").code, Some(0));
    {
        let server = production().start();
        let refused = App::of(&server).answer(register.clone()).await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
    }
    let asked = || production().set("DEMO_TENANT", "on");
    assert_eq!(asked().run("migrate").code, Some(0));
    let server = asked().start();
    App::of(&server).answer(register).await.expect(201);
}

#[tokio::test]
async fn signing_up_with_a_new_tenant_name_makes_its_owner() {
    let app = spawn_app().await;
    let name = unique("Founders ");
    let username = unique("founder");
    let body = json!({"username": username, "password": "testpass", "tenant_name": name});
    let call = Call::new("POST", "/api/register").json(&body);
    let registered = app.answer_retrying(call).await.expect(201).json();
    let call = Call::new("POST", "/api/login").json(&json!({"username": username, "password": "testpass"}));
    let token = app.answer_retrying(call).await.expect(200).json();
    let bearer = format!("Bearer {}", token["token"].as_str().expect("a token"));
    let call = Call::new("GET", "/api/me").header("authorization", bearer);
    assert_eq!(
        app.answer(call).await.expect(200).json(),
        json!({
            "user_id": registered["user_id"],
            "username": username,
            "role": "owner",
            "tenant_id": registered["tenant_id"],
            "tenant_name": name,
        })
    );
}
