//! `pigeonhole seed` fills a database with generated tenants, users and notes.

use crate::support::{App, Call, database::OwnDatabase, run_blocking, server::ServerBuilder};

#[tokio::test]
async fn seeded_users_log_in_and_find_their_notes() {
    let own = OwnDatabase::create().await;
    let client = own.client().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let seeding = ["--tenants", "20", "--users", "100", "--notes", "3000", "--connections", "3"];
    let (server, output) = run_blocking(move || {
        assert_eq!(builder.run("migrate").code, Some(0));
        let builder = builder.arguments(&seeding);
        let seeded = builder.run("seed");
        assert_eq!(seeded.code, Some(0), "{}", seeded.output);
        (builder.arguments(&[]).start(), seeded.output)
    })
    .await;
    let count = async |query: &str| client.query_one(query, &[]).await.expect(query).get::<_, i64>(0);
    assert_eq!(count("SELECT count(*) FROM shared.tenants WHERE name LIKE 'Seeded %'").await, 20);
    assert_eq!(count("SELECT count(*) FROM shared.users").await, 100);
    assert_eq!(count("SELECT count(*) FROM logins").await, 200);
    assert_eq!(count("SELECT count(*) FROM notes").await, 3000);
    let largest = "SELECT count(*) FROM notes GROUP BY tenant_id ORDER BY 1 DESC LIMIT 1";
    assert!(count(largest).await > 3000 / 20 * 4, "no tenant is large");

    let word_after = |text: &str| {
        let rest = &output[output.find(text).expect(text) + text.len()..];
        rest.split([' ', ',']).next().expect("a word").to_owned()
    };
    let app = App::of(&server);
    let login = serde_json::json!({"username": word_after("log in there as \
        "), "password": word_after("the password ")});
    let token = app.post_json("/api/login", &login).await.expect(200).json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let notes = app.answer(Call::new("GET", "/api/notes").bearer(&token)).await;
    assert!(!notes.expect(200).json().as_array().expect("notes").is_empty());
}

#[tokio::test]
async fn production_is_seeded_only_with_yes() {
    let builder =
        ServerBuilder::new().set("APP_ENV", "production").set("PUBLIC_ORIGIN", "https://notes.example.org");
    let refused = run_blocking(move || {
        builder.arguments(&["--tenants", "1", "--users", "1", "--notes", "1"]).run("seed")
    })
    .await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.output.contains("--yes"), "{}", refused.output);
}

#[tokio::test]
async fn a_database_without_a_schema_is_not_seeded() {
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let refused = run_blocking(move || builder.run("seed")).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.output.contains("pigeonhole migrate"), "{}", refused.output);
}
