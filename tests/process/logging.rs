//! What the log contains: each failed login, and no secret.

use crate::support::{
    Answer, App, Call, Person, database::OwnDatabase, server::ServerBuilder, spawn_app, unique,
};

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

/// The lines of the log that end in the id of the request behind this answer.
fn lines_of(app: &App, answer: &Answer) -> Vec<String> {
    let field = format!("request={}", answer.header("x-request-id"));
    app.log().lines().filter(|line| line.ends_with(&field)).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_number_on_an_error_page_finds_one_line_with_answer_and_cause() {
    let database = OwnDatabase::create().await;
    let server = ServerBuilder::new().set("DATABASE_URL", &database.url).start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let admin = database.client().await;
    admin.batch_execute("ALTER TABLE note_revisions RENAME TO hidden").await.expect("a hole in the schema");
    let id = script.note("text").await;

    let failed = browser.get(&format!("/notes/{id}/revisions")).await.expect(500);
    let number = failed.header("x-request-id");
    assert!(failed.text().contains(number), "the page shows its number");
    let lines = lines_of(&app, &failed);
    let [line] = lines.as_slice() else { panic!("not one line of {number}: {lines:?}\n{}", app.log()) };
    for part in ["ERROR", "answered 500 to GET /notes/{id}/revisions: ", "note_revisions"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }

    let problem = script.get("/api/nothing").await.expect(404);
    assert_eq!(lines_of(&app, &problem), Vec::<String>::new(), "a 404 is no failure");
    let wrong = [("email", person.email.as_str()), ("password", "a wrong password")];
    let refused = app.answer_retrying(Call::new("POST", "/login").form(&wrong)).await.expect(401);
    let lines = lines_of(&app, &refused);
    assert!(lines.iter().any(|line| line.contains("login refused")), "{lines:?}");
}

#[tokio::test]
async fn the_log_has_the_address_that_a_trusted_proxy_reports_and_no_other() {
    let wrong = [("email", "a.stranger@notes.test"), ("password", "a wrong password")];
    let behind_proxy = ServerBuilder::new().set("PROXY_TRUSTED", "127.0.0.0/8").start();
    let without_proxy = ServerBuilder::new().start();
    for (server, expected) in [(behind_proxy, "address 198.51.100.7"), (without_proxy, "address 127.0.0.1")] {
        let app = App::of(&server);
        let call =
            Call::new("POST", "/login").form(&wrong).header("x-forwarded-for", "192.0.2.1, 198.51.100.7");
        let refused = app.answer_retrying(call).await.expect(401);
        let lines = lines_of(&app, &refused);
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:?}");
    }
}
