//! Rules for passwords and how they are stored.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App, Call, Person, database, spawn_app, unique};

async fn tenant_with_password(app: &App, password: &str) -> (String, i64) {
    let username = unique("user");
    let body = json!({
        "username": username, "password": password, "tenant_name": unique("Org "),
    });
    let call = Call::new("POST", "/api/register").json(&body);
    let registered = app.answer_retrying(call).await.expect(201).json();
    (username, registered["tenant_id"].as_i64().expect("an id"))
}

async fn login(app: &App, username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "password": password});
    app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await
}

async fn register_with_password(app: &App, password: &str) -> Answer {
    let body = json!({
        "username": unique("user"), "password": password, "tenant_name": unique("Org "),
    });
    app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await
}

async fn stored_hash(username: &str, tenant_id: i64) -> String {
    let statement = "SELECT password FROM shared.users WHERE tenant_id = $1 AND username = $2";
    let row = database::admin().await.query_one(statement, &[&tenant_id, &username]).await;
    row.expect("the user").get(0)
}

async fn store_hash(username: &str, tenant_id: i64, hash: &str) {
    let statement = "UPDATE shared.users SET password = $3 WHERE tenant_id = $1 AND username = $2";
    let changed = database::admin().await.execute(statement, &[&tenant_id, &username, &hash]).await;
    assert_eq!(changed.expect("the user"), 1);
}

fn prehashed(password: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"pigeonhole password v1").expect("a key");
    mac.update(password.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_long_password_is_not_truncated() {
    let app = spawn_app().await;
    let password = "0123456789".repeat(10);
    let (username, _) = tenant_with_password(&app, &password).await;
    let changed = format!("{}X{}", &password[..72], &password[73..]);
    login(&app, &username, &changed).await.expect_problem(401);
    login(&app, &username, &password[..72]).await.expect_problem(401);
    login(&app, &username, &password).await.expect(200);
}

#[tokio::test]
async fn a_password_of_64_emoji_works() {
    let app = spawn_app().await;
    let password = "🕊".repeat(64);
    let (username, _) = tenant_with_password(&app, &password).await;
    login(&app, &username, &password).await.expect(200);
    login(&app, &username, &"🕊".repeat(63)).await.expect_problem(401);
}

#[tokio::test]
async fn a_zero_byte_does_not_end_a_password() {
    let app = spawn_app().await;
    let refused = register_with_password(&app, "password\0b with a zero").await;
    if refused.status == 422 {
        return;
    }
    let (username, _) = tenant_with_password(&app, "a\0b and some more").await;
    login(&app, &username, "a\0c and some more").await.expect_problem(401);
    login(&app, &username, "a\0b and some more").await.expect(200);
}

#[tokio::test]
async fn passwords_are_never_trimmed_or_normalized() {
    let app = spawn_app().await;
    let (username, _) = tenant_with_password(&app, "  Caf\u{e9} noir ").await;
    login(&app, &username, "Caf\u{e9} noir").await.expect_problem(401);
    login(&app, &username, "  Cafe\u{301} noir ").await.expect_problem(401);
    login(&app, &username, "  Caf\u{e9} noir ").await.expect(200);
}

#[tokio::test]
async fn short_common_and_over_long_passwords_are_refused_without_composition_rules() {
    let app = spawn_app().await;
    for password in ["", "1234567", "password", "12345678", "PASSWORD", "qwertyuiop", "iloveyou"] {
        register_with_password(&app, password).await.expect_field_problem(422, "password");
    }
    register_with_password(&app, &"x".repeat(1_025)).await.expect_field_problem(422, "password");
    tenant_with_password(&app, "abcdefghijklmno").await;
    tenant_with_password(&app, "testpass").await;
    tenant_with_password(&app, &"x y".repeat(341)).await;
}

/// A separate server, whose metrics count only the hashes of this test.
async fn spawn_with_metrics() -> (Server, App, App) {
    spawn_app().await;
    let server = ServerBuilder::new().with_console().start_async().await;
    let (app, console) = (App::of(&server), App::console_of(&server));
    (server, app, console)
}

/// Password hashes that the server has computed or refused for lack of time.
async fn hash_count(console: &App) -> u64 {
    console.metric("pigeonhole_password_hashes_total").await
        + console.metric("pigeonhole_password_hashes_refused_total").await
}

#[tokio::test]
async fn a_password_of_a_mebibyte_is_refused_without_hashing() {
    let (_server, app, console) = spawn_with_metrics().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let before = hash_count(&console).await;
    assert!(before >= 2, "a sign-up and a login cost {before} hashes");
    for length in [1_025, 1 << 20] {
        let endless = "x".repeat(length);
        let (username, organization) = (unique("user"), unique("Org "));
        let sign_up =
            [("username", username.as_str()), ("password", &endless), ("tenant_name", &organization)];
        let log_in = [("email", person.email.as_str()), ("password", endless.as_str())];
        let statuses = [
            register_with_password(&app, &endless).await.status,
            app.post_form("/register", &sign_up).await.status,
            login(&app, &person.username, &endless).await.status,
            app.post_form("/login", &log_in).await.status,
            browser
                .post("/account/password", &[("current_password", &person.password), ("password", &endless)])
                .await
                .status,
            browser
                .post("/account/password", &[("current_password", &endless), ("password", "a new password")])
                .await
                .status,
        ];
        assert!(statuses.iter().all(|status| matches!(status, 401 | 413 | 422)), "{length}: {statuses:?}");
    }
    assert_eq!(hash_count(&console).await, before);
}

#[tokio::test]
async fn a_failed_login_costs_one_hash_with_an_organization_and_three_without() {
    let (_server, app, console) = spawn_with_metrics().await;
    let person = Person::founder(&app).await;
    let stranger = unique("nobody");
    let (known, unknown) = (person.tenant_id, 999_999_999_999_i64);
    let by_api = [
        (
            "an unknown tenant",
            json!({"username": person.username, "password": "wrong password", "tenant_id": unknown}),
        ),
        (
            "an unknown tenant's name",
            json!({"username": person.username, "password": "wrong password", "tenant_name": unique("No ")}),
        ),
        ("an unknown user", json!({"username": stranger, "password": "wrong password"})),
        (
            "an unknown user of a tenant",
            json!({"username": stranger, "password": "wrong password", "tenant_id": known}),
        ),
        ("a wrong password", json!({"username": person.username, "password": "wrong password"})),
        (
            "a wrong password in a tenant",
            json!({"username": person.username, "password": "wrong password", "tenant_id": known}),
        ),
    ];
    let mut calls: Vec<_> =
        by_api.map(|(wrong, body)| (wrong, Call::new("POST", "/api/login").json(&body))).into();
    for (wrong, name) in
        [("an unknown user by the form", &stranger), ("a wrong password by the form", &person.email)]
    {
        calls.push((
            wrong,
            Call::new("POST", "/login").form(&[("email", name), ("password", "wrong password")]),
        ));
    }
    for (wrong, call) in calls {
        let before = hash_count(&console).await;
        app.answer(call).await.expect(401);
        let hashes = if wrong.contains("tenant") { 1 } else { 3 };
        assert_eq!(hash_count(&console).await - before, hashes, "{wrong}");
    }
}

#[tokio::test]
async fn passwords_are_hashed_with_bcrypt_of_cost_12_in_full_length() {
    spawn_app().await;
    let server = ServerBuilder::new().without("BCRYPT_COST").start_async().await;
    let app = App::of(&server);
    let (username, tenant_id) = tenant_with_password(&app, "a whole password").await;
    let hash = stored_hash(&username, tenant_id).await;
    assert!(hash.starts_with("$2b$12$"), "{hash}");
    assert_eq!(hash.len(), 60);
    assert!(bcrypt::verify(prehashed("a whole password"), &hash).expect("a hash"));
}

#[tokio::test]
async fn a_hash_of_lower_cost_is_upgraded_at_login() {
    let app = spawn_app().await;
    let (username, tenant_id) = tenant_with_password(&app, "first password").await;
    let cheap = bcrypt::hash(prehashed("second password"), 4).expect("a hash");
    store_hash(&username, tenant_id, &cheap).await;
    login(&app, &username, "second password").await.expect(200);
    let hash = stored_hash(&username, tenant_id).await;
    assert!(hash.starts_with("$2b$10$"), "{hash}");
    login(&app, &username, "second password").await.expect(200);
}

#[tokio::test]
async fn a_corrupt_hash_fails_like_a_wrong_password() {
    let app = spawn_app().await;
    let (username, tenant_id) = tenant_with_password(&app, "first password").await;
    let wrong = login(&app, &username, "wrong password").await.without_request_id();
    for broken in
        ["é".repeat(30), "$2b$12$".to_owned(), String::new(), "$2b$99$".to_owned() + &"é".repeat(53)]
    {
        store_hash(&username, tenant_id, &broken).await;
        let answer = login(&app, &username, "first password").await;
        assert_eq!(answer.without_request_id(), wrong, "{broken}");
    }
    app.get("/livez").await.expect(200);
}
