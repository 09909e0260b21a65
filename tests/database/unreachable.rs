//! A database that is down, hangs, or resets connections.

use serde_json::json;

use super::failures::{assert_no_driver_text, assert_unavailable, recovers};
use crate::support::{
    App, Browser, Call, Person,
    database::{OwnDatabase, url_of_database},
    faulty_proxy::FaultyProxy,
    postgres::Postgres,
    run_blocking,
    server::ServerBuilder,
    within_timeout,
};

#[tokio::test]
async fn a_killed_database_is_503_until_it_is_back() {
    let mut postgres = run_blocking(Postgres::start).await;
    let server = ServerBuilder::new().set("DATABASE_URL", &postgres.url).set("POOL_SIZE", "4").start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let id = script.note("kept").await;
    app.get("/readyz").await.expect(200);

    postgres.kill();
    for call in [
        Call::new("GET", "/api/notes").bearer(&script.token),
        Call::new("POST", "/api/notes").json(&json!({"content": "lost?"})).bearer(&script.token),
        Call::new("POST", "/api/logout").bearer(&script.token),
        Call::new("GET", "/dashboard").header("cookie", browser.cookie_header()),
        Call::new("POST", "/logout").form(&[]).header("cookie", browser.cookie_header()),
        Call::new("POST", "/login").form(&person.credentials()),
        Call::new("POST", "/api/register").json(&json!({
            "username": "nobody", "password": "testpass", "tenant_name": "Nothing",
        })),
    ] {
        let shown = format!("{} {}", call.method, call.path);
        let answer = within_timeout(&shown, app.answer(call)).await;
        assert_unavailable(&answer, &shown);
    }
    app.get("/livez").await.expect(200);
    let ready = app.get("/readyz").await.expect(503);
    assert_no_driver_text(&ready, "/readyz");
    Browser::new(&app).get("/login").await.expect(200);

    postgres.resume();
    let list = Call::new("GET", "/api/notes").bearer(&script.token);
    recovers(&app, list, 200).await;
    recovers(&app, Call::new("GET", "/readyz"), 200).await;
    assert_eq!(script.read(id).await["content"], "kept");
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!(notes.as_array().expect("a list").len(), 1);
    assert!(browser.is_logged_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_database_is_503_until_it_answers_again() {
    let database = OwnDatabase::create().await;
    let proxy = FaultyProxy::to_database().await;
    let server = ServerBuilder::new()
        .set("DATABASE_URL", url_of_database(&proxy.url, &database.name))
        .set("POOL_SIZE", "4")
        .set("TENANT_ROUTING", "off")
        .start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let list = Call::new("GET", "/api/notes").bearer(&script.token);
    app.answer(list.clone()).await.expect(200);

    proxy.stop_answering();
    let calls = (0..8).map(|_| within_timeout("an answer", app.answer(list.clone())));
    for answer in futures_util::future::join_all(calls).await {
        assert_unavailable(&answer, "while silent");
    }
    app.get("/livez").await.expect(200);
    app.get("/readyz").await.expect(503);

    proxy.resume();
    recovers(&app, list.clone(), 200).await;
    proxy.reset_connections();
    let answer = app.answer(list.clone()).await;
    assert_unavailable(&answer, "while shut");
    proxy.resume();
    recovers(&app, list, 200).await;
    recovers(&app, Call::new("GET", "/readyz"), 200).await;
}

#[tokio::test]
async fn starting_with_a_hanging_database_fails_and_names_its_address() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let url = format!("postgresql://somebody:hidden-word@127.0.0.1:{port}/nothing");
    let builder = ServerBuilder::new().set("DATABASE_URL", &url);
    let migrate = builder.run("migrate");
    let serve = builder.expect_refusal();
    for refusal in [migrate, serve] {
        assert!(!matches!(refusal.code, None | Some(0)), "{}", refusal.output);
        assert!(refusal.output.contains("127.0.0.1"), "{}", refusal.output);
        assert!(!refusal.output.contains("hidden-word"), "{}", refusal.output);
        assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
    }
}

#[tokio::test]
async fn a_role_that_bypasses_policies_stops_the_start() {
    let postgres = run_blocking(Postgres::start).await;
    let builder = || ServerBuilder::new().set("DATABASE_URL", &postgres.url);
    assert_eq!(builder().run("migrate").code, Some(0));
    let client = crate::support::database::connect(&postgres.url).await;
    for (damage, mend) in [("BYPASSRLS", "NOBYPASSRLS"), ("SUPERUSER", "NOSUPERUSER")] {
        let alter = format!("ALTER ROLE pigeonhole_app {damage}");
        client.batch_execute(&alter).await.expect(damage);
        // A start may repair the role or refuse. It must not serve with it.
        match builder().try_start() {
            Err(refusal) => assert!(refusal.output.contains("pigeonhole_app"), "{refusal:?}"),
            Ok(_server) => {
                let row = client
                    .query_one(
                        "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = 'pigeonhole_app'",
                        &[],
                    )
                    .await
                    .expect("the role");
                assert!(!row.get::<_, bool>(0), "served with {damage}");
            }
        }
        let alter = format!("ALTER ROLE pigeonhole_app {mend}");
        client.batch_execute(&alter).await.expect(mend);
    }
}
