//! A database owned by a user without superuser rights, as at hosting providers.

use super::failures::{assert_unavailable, recovers};
use crate::support::{
    App, Call, Person, database::connect, postgres::Postgres, run_blocking, server::ServerBuilder,
};

/// An empty database whose owner has only CREATEROLE, and the URL of that owner.
async fn create_owned_database(postgres: &Postgres) -> (tokio_postgres::Client, String) {
    let admin = connect(&postgres.url).await;
    admin.execute("CREATE ROLE keeper LOGIN CREATEROLE", &[]).await.expect("a role");
    admin.execute("CREATE DATABASE kept OWNER keeper", &[]).await.expect("a database");
    let url = postgres.url.replace("postgres@", "keeper@").replace("/postgres", "/kept");
    (admin, url)
}

#[tokio::test]
async fn an_ordinary_database_owner_suffices_and_connection_limits_are_503() {
    let postgres = run_blocking(Postgres::start).await;
    let (admin, url) = create_owned_database(&postgres).await;
    let server = ServerBuilder::new().set("DATABASE_URL", &url).set("POOL_SIZE", "4").start();
    let app = App::of(&server);
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept").await;

    admin.execute("ALTER ROLE keeper CONNECTION LIMIT 0", &[]).await.expect("a limit");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keeper'";
    admin.execute(cut, &[]).await.expect("connections are cut");
    let read = Call::new("GET", &format!("/api/notes/{id}")).bearer(&script.token);
    for _ in 0..8 {
        assert_unavailable(&app.answer(read.clone()).await, "without a connection");
    }
    admin.execute("ALTER ROLE keeper CONNECTION LIMIT -1", &[]).await.expect("no limit");
    recovers(&app, read, 200).await;
}

#[tokio::test]
async fn migrate_without_createrole_says_so() {
    let postgres = run_blocking(Postgres::start).await;
    let (admin, url) = create_owned_database(&postgres).await;
    admin.execute("ALTER ROLE keeper NOCREATEROLE", &[]).await.expect("fewer rights");
    let refused = ServerBuilder::new().set("DATABASE_URL", &url).run("migrate");
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    assert!(refused.output.contains("role"), "{}", refused.output);
    assert!(!refused.output.contains("panicked"), "{}", refused.output);
}
