//! What the log contains: each failed login, and no secret.

use crate::support::{App, Call, Person, server::ServerBuilder, spawn_app, unique};

#[tokio::test]
async fn control_characters_are_escaped_in_the_log() {
    let app = spawn_app().await;
    let mark = unique("mark");
    let name = format!("{mark}\n{{\"level\":\"x\"}}\r\n\u{1b}[31m{mark}");
    let fields = [("email", name.as_str()), ("password", "wrong password")];
    let call = Call::new("POST", "/login").form(&fields).header("user-agent", &mark);
    app.answer_retrying(call).await;
    let log = app.log();
    assert!(!log.contains("\u{1b}[31m"), "colours came through");
    for line in log.lines() {
        assert!(!line.starts_with("{\"level\":\"x\"}"), "{line}");
    }
}

#[tokio::test]
async fn the_log_names_failed_logins_and_no_secrets() {
    let server = ServerBuilder::new().set("RUST_LOG", "trace").start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let script = person.script(&app).await;
    let wrong = [("email", person.email.as_str()), ("password", "a wrong secret")];
    let failed = app.answer_retrying(Call::new("POST", "/login").form(&wrong)).await.expect(401);
    let call = Call::new("POST", "/notes").form(&[]).header("sec-fetch-site", "cross-site");
    let refused = app.answer(call).await.expect(403);
    let cookie = browser.cookie_header();
    browser.post("/logout", &[]).await.expect(303);
    script.get("/api/me").await.expect(200);
    let log = server.log();
    for answer in [failed, refused] {
        assert!(log.contains(answer.header("x-request-id")), "a refusal is not in the log");
    }
    let value = cookie.split_once('=').expect("a cookie").1;
    for secret in [&person.password, "a wrong secret", value, &script.token] {
        assert!(!log.contains(secret), "a secret is in the log");
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        assert!(!log.contains(&encoded), "a secret is in the log");
    }
}
