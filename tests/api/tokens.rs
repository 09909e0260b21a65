//! Bearer tokens: login, /api/me, logout, and everything that is no valid token.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::database::OwnDatabase;
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Person, Script, database, spawn_app, unique};

async fn me_with(app: &App, authorization: &[u8]) -> crate::support::Answer {
    app.answer(Call::new("GET", "/api/me").header("authorization", authorization)).await
}

#[tokio::test]
async fn me_returns_the_user_of_the_token() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    let member = founder.colleague(&app).await;
    let script = member.script(&app).await;
    assert_eq!(
        script.get("/api/me").await.expect(200).json(),
        json!({
            "user_id": member.user_id,
            "username": member.username,
            "role": "member",
            "tenant_id": member.tenant_id,
            "tenant_name": member.tenant_name,
        })
    );
}

#[tokio::test]
async fn logout_revokes_only_its_own_token() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (first, second) = (person.script(&app).await, person.script(&app).await);
    assert_ne!(first.token, second.token);
    let gone = first.answer(Call::new("POST", "/api/logout")).await.expect(204);
    assert!(gone.body.is_empty());
    let refused = first.get("/api/me").await;
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    refused.expect_problem(401);
    first.answer(Call::new("POST", "/api/logout")).await.expect_problem(401);
    second.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn the_database_holds_only_a_hash_of_the_token() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let random = script
        .token
        .strip_prefix(&format!("ph_{}_", person.tenant_id))
        .expect("the tenant's id in the token");
    assert_eq!(random.len(), 43);
    assert!(random.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    let hash = Sha256::digest(script.token.as_bytes()).to_vec();
    let rows = database::number(
        "SELECT count(*) FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND token_hash = $3 \
         AND kind = 'script'",
        &[&person.tenant_id, &person.user_id, &hash],
    )
    .await;
    assert_eq!(rows, 1);
}

async fn dump(client: &tokio_postgres::Client) -> String {
    let tables = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                  WHERE relkind IN ('r', 'p') AND nspname IN ('public', 'shared', 'operator') ORDER BY 1";
    let mut text = String::new();
    for table in client.query(tables, &[]).await.expect("tables") {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).await.expect(&table) {
            text += &format!("{table}: {}\n", row.get::<_, String>(0));
        }
    }
    text
}

#[tokio::test]
async fn a_dump_of_the_database_holds_no_token_cookie_or_password() {
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let server = builder.start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let browser = person.browser(&app).await;
    let first_cookie = browser.cookie_header();
    let note = unique("planted");
    script.note(&note).await;
    let call = Call::new("POST", "/api/invitations").json(&json!({})).header("idempotency-key", "once");
    let invitation = script.answer(call).await.expect(201).json();
    let invitation = invitation["token"].as_str().expect("a token").to_owned();
    let wrong = json!({"username": person.username, "password": "a planted wrong password"});
    app.answer_retrying(Call::new("POST", "/api/login").json(&wrong)).await.expect(401);
    let passwords = [("current_password", person.password.as_str()), ("password", "a planted new password")];
    browser.post("/account/password", &passwords).await.expect_see_other("/account");

    let dump = dump(&own.client().await).await;
    assert!(dump.contains(&note), "the dump is not whole: {dump}");
    assert!(dump.contains(&person.username) && dump.contains("$2b$10$"), "{dump}");
    let hash = hex::encode(Sha256::digest(invitation.as_bytes()));
    assert!(dump.contains(&hash), "the invitation is not where it is looked for: {dump}");
    let value = |cookie: &str| cookie.split_once('=').expect("a cookie").1.to_owned();
    let random = |token: &str| token.splitn(3, '_').last().expect("a token").to_owned();
    for secret in [
        script.token.clone(),
        random(&script.token),
        invitation.clone(),
        random(&invitation),
        value(&first_cookie),
        value(&browser.cookie_header()),
        person.password.clone(),
        "a planted new password".to_owned(),
        "a planted wrong password".to_owned(),
    ] {
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [&secret, &encoded, &hex::encode(secret.as_bytes())] {
            assert!(!dump.contains(form.as_str()), "{form} is in the dump");
        }
    }
}

#[tokio::test]
async fn the_bearer_scheme_is_case_insensitive() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        me_with(&app, format!("{scheme} {}", script.token).as_bytes()).await.expect(200);
    }
}

#[tokio::test]
async fn malformed_and_foreign_tokens_are_401() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let other = Person::founder(&app).await;
    let script = person.script(&app).await;
    let token = &script.token;
    let random = token.rsplit_once('_').expect("a token").1;
    let mut flipped = token.clone().into_bytes();
    let last = flipped.len() - 3;
    flipped[last] = if flipped[last] == b'a' { b'b' } else { b'a' };
    let mut attempts: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"Bearer".to_vec(),
        b"Bearer ".to_vec(),
        b"Basic dXNlcjpwYXNz".to_vec(),
        token.clone().into_bytes(),
        [b"Bearer ".to_vec(), flipped].concat(),
        format!("Bearer {}", &token[..token.len() - 1]).into_bytes(),
        format!("Bearer {token}A").into_bytes(),
        format!("Bearer {token} {token}").into_bytes(),
        format!("Bearer ph_{}_{random}", other.tenant_id).into_bytes(),
        format!("Bearer ph_0{}_{random}", person.tenant_id).into_bytes(),
        format!("Bearer ph_+{}_{random}", person.tenant_id).into_bytes(),
        format!("Bearer ph_-1_{random}").into_bytes(),
        format!("Bearer ph_9223372036854775808_{random}").into_bytes(),
        format!("Bearer ph__{random}").into_bytes(),
        format!("Bearer ph_{}_", person.tenant_id).into_bytes(),
        [b"Bearer ph_1_".to_vec(), vec![0xff; 43]].concat(),
        "Bearer ph_1_🕊".as_bytes().to_vec(),
        format!("Bearer {}", "a".repeat(8_000)).into_bytes(),
    ];
    attempts.push(format!("Bearer {}", token.to_uppercase()).into_bytes());
    for attempt in attempts {
        let answer = me_with(&app, &attempt).await;
        let shown = String::from_utf8_lossy(&attempt);
        assert_eq!(answer.status, 401, "{shown}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{shown}");
    }
    script.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn two_authorization_headers_are_401() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let bearer = format!("Bearer {}", script.token);
    let call = Call::new("GET", "/api/me").header("authorization", &bearer).header("authorization", &bearer);
    app.answer(call).await.expect_problem(401);
}

#[tokio::test]
async fn a_header_of_64_kib_is_refused_and_the_server_keeps_running() {
    let app = spawn_app().await;
    let value = format!("Bearer {}", "a".repeat(65_536));
    let request = format!(
        "GET /api/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {value}\r\n\r\n"
    );
    let answer = crate::support::raw_http::exchange(&app, request.as_bytes()).await;
    let status = crate::support::raw_http::status(&answer);
    assert!(matches!(status, 0 | 400 | 401 | 413 | 431), "{answer}");
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_token_anywhere_but_in_the_header_is_ignored() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let token = &script.token;
    for parameter in ["token", "access_token", "bearer"] {
        let path = format!("/api/me?{parameter}={token}");
        app.get(&path).await.expect_problem(401);
    }
    let call = Call::new("GET", "/api/me").header("cookie", format!("token={token}"));
    app.answer(call).await.expect_problem(401);
    let call = Call::new("POST", "/api/notes").json(&json!({"content": "x", "token": token}));
    app.answer(call).await.expect_problem(401);
}

#[tokio::test]
async fn a_browser_cookie_is_401_at_the_api() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    browser.get("/dashboard").await.expect(200);
    browser.get("/api/me").await.expect_problem(401);
    let call = Call::new("POST", "/api/notes").json(&json!({"content": "x"}));
    browser.answer(call).await.expect_problem(401);
    assert_eq!(database::note_count(person.tenant_id).await, 0);
}

#[tokio::test]
async fn a_bearer_token_does_not_authorize_page_forms() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let call = Call::new("POST", "/notes").form(&[("content", "from a script")]);
    let answer = script.answer(call).await;
    assert!(matches!(answer.status, 303 | 401), "{}", answer.status);
    assert_eq!(database::note_count(person.tenant_id).await, 0);
}

#[tokio::test]
async fn expired_and_idle_tokens_are_refused() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let client = database::admin().await;
    let expired = person.script(&app).await;
    set_time(&client, &expired, "expires_at = now() - interval '1 second'").await;
    expired.get("/api/me").await.expect_problem(401);
    let alive = person.script(&app).await;
    set_time(&client, &alive, "last_seen_at = now() - interval '15 days'").await;
    alive.get("/api/me").await.expect_problem(401);
    set_time(&client, &alive, "last_seen_at = now(), expires_at = now() + interval '1 minute'").await;
    alive.get("/api/me").await.expect(200);
    set_time(&client, &alive, "last_seen_at = now() - interval '13 days'").await;
    alive.get("/api/me").await.expect(200);
}

async fn set_time(client: &tokio_postgres::Client, script: &Script, assignment: &str) {
    let tenant: i64 = script.token.split('_').nth(1).expect("a tenant").parse().expect("an id");
    let hash = Sha256::digest(script.token.as_bytes()).to_vec();
    let statement = format!("UPDATE sessions SET {assignment} WHERE tenant_id = $1 AND token_hash = $2");
    let changed = client.execute(&statement, &[&tenant, &hash]).await;
    assert_eq!(changed.expect("the session"), 1);
    database::wait_for_session_cache_expiry().await;
}

#[tokio::test]
async fn the_last_use_is_written_when_it_is_due_and_at_the_latest_at_a_stop() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let client = database::admin().await;
    let (due, recent) = (person.script(&app).await, person.script(&app).await);
    set_time(&client, &due, "last_seen_at = now() - interval '3 days'").await;
    set_time(&client, &recent, "last_seen_at = now() - interval '20 minutes'").await;
    for script in [&due, &recent] {
        script.get("/api/notes").await.expect(200);
    }
    assert_eq!(server.stop_async().await, 0);
    let unused = "SELECT count(*) FROM sessions
                  WHERE tenant_id = $1 AND last_seen_at < now() - $2::text::interval";
    for (interval, sessions) in [("19 minutes", 1), ("1 day", 0)] {
        let row = client.query_one(unused, &[&person.tenant_id, &interval]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(0), sessions, "unused for {interval}");
    }
}

#[tokio::test]
async fn login_accepts_email_or_username_in_any_case() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    for name in [person.email.clone(), person.email.to_uppercase(), person.username.to_uppercase()] {
        let body = json!({"username": name, "password": person.password});
        app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await.expect(200);
    }
}

#[tokio::test]
async fn every_failed_login_gets_the_same_answer() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let mut answers = Vec::new();
    for body in [
        json!({"username": person.username, "password": "wrong password"}),
        json!({"username": unique("nobody"), "password": "wrong password"}),
        json!({"username": person.username, "password": person.password,
               "tenant_name": unique("No such ")}),
        json!({"username": person.username, "password": person.password, "tenant_id": 999_999_999}),
        json!({"username": person.email, "password": "wrong password",
               "tenant_id": person.tenant_id}),
    ] {
        let call = Call::new("POST", "/api/login").json(&body);
        let answer = app.answer_retrying(call).await.expect(401);
        answers.push(answer.without_request_id());
    }
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
}
