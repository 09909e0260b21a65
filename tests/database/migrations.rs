//! Migrations: each is applied once however many processes start, and never to a changed or newer schema.

use crate::support::{
    App,
    database::OwnDatabase,
    run_blocking,
    server::{ServerBuilder, lock_cluster},
};

fn on(database: &OwnDatabase) -> ServerBuilder {
    ServerBuilder::new().set("DATABASE_URL", &database.url)
}

async fn history(database: &OwnDatabase) -> Vec<(i32, i64)> {
    let rows = database
        .client()
        .await
        .query("SELECT version, count(*) FROM refinery_schema_history GROUP BY version ORDER BY version", &[])
        .await
        .expect("the history");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn five_concurrent_migrations_of_an_empty_database_succeed() {
    let database = OwnDatabase::create().await;
    let alone = lock_cluster();
    let running: Vec<_> = (0..5).map(|_| on(&database).spawn("migrate")).collect();
    for process in running {
        let ended = process.finish();
        assert_eq!(ended.code, Some(0), "{}", ended.output);
    }
    drop(alone);
    let versions = history(&database).await;
    assert!(!versions.is_empty());
    assert!(versions.iter().all(|(_, count)| *count == 1), "{versions:?}");
    let server = on(&database).start();
    App::of(&server).get("/readyz").await.expect(200);
}

#[tokio::test]
async fn three_servers_start_concurrently_on_an_empty_database() {
    let database = OwnDatabase::create().await;
    let alone = lock_cluster();
    let builders: Vec<_> = (0..3).map(|_| on(&database)).collect();
    let starting = builders
        .into_iter()
        .map(|builder| run_blocking(move || builder.try_start_unlocked().expect("a start")));
    for server in futures_util::future::join_all(starting).await {
        App::of(&server).get("/readyz").await.expect(200);
    }
    drop(alone);
    let versions = history(&database).await;
    assert!(versions.iter().all(|(_, count)| *count == 1), "{versions:?}");
}

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let database = OwnDatabase::create().await;
    for _ in 0..2 {
        let ended = on(&database).run("migrate");
        assert_eq!(ended.code, Some(0), "{}", ended.output);
    }
    assert!(history(&database).await.iter().all(|(_, count)| *count == 1));
}

async fn assert_refused_after(damage: &str) {
    let database = OwnDatabase::create().await;
    assert_eq!(on(&database).run("migrate").code, Some(0));
    let client = database.client().await;
    client.batch_execute(damage).await.expect(damage);
    let migrate = on(&database).run("migrate");
    assert_ne!(migrate.code, Some(0), "migrate after {damage}: {}", migrate.output);
    let serve = on(&database).expect_refusal();
    for refusal in [migrate, serve] {
        assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
        assert!(refusal.output.contains('V'), "no version is named: {}", refusal.output);
    }
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    assert_refused_after("UPDATE refinery_schema_history SET checksum = '1234567890' WHERE version = 1")
        .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    assert_refused_after(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         SELECT 999, 'from_the_future', applied_on, '1' FROM refinery_schema_history LIMIT 1",
    )
    .await;
}

/// Makes the schema one migration older than this program, and returns that migration's name.
async fn downgrade_schema(database: &OwnDatabase) -> String {
    let newest =
        "SELECT 'V' || version || '__' || name FROM refinery_schema_history ORDER BY version DESC LIMIT 1";
    let client = database.client().await;
    let name = client.query_one(newest, &[]).await.expect("a migration").get(0);
    let aside = "CREATE TABLE aside AS SELECT * FROM refinery_schema_history ORDER BY version DESC LIMIT 1;
                 DELETE FROM refinery_schema_history WHERE version IN (SELECT version FROM aside)";
    client.batch_execute(aside).await.expect("an older schema");
    name
}

#[tokio::test]
async fn an_older_schema_is_refused_in_production_and_by_workers() {
    let database = OwnDatabase::create().await;
    let production =
        || on(&database).set("APP_ENV", "production").set("PUBLIC_ORIGIN", "https://notes.example.test");
    // An empty database counts as an older schema.
    assert!(production().expect_refusal().output.contains("run `pigeonhole migrate` first"));
    let client = database.client().await;
    let table = "SELECT to_regclass('public.refinery_schema_history') IS NULL";
    assert!(
        client.query_one(table, &[]).await.expect("a look").get::<_, bool>(0),
        "the refusal left something behind"
    );
    assert_eq!(production().run("migrate").code, Some(0));
    let missing = downgrade_schema(&database).await;
    let before = history(&database).await;
    for builder in [production(), production().worker(), on(&database).worker()] {
        let refusal = builder.expect_refusal();
        assert!(refusal.output.contains("run `pigeonhole migrate` first"), "{}", refusal.output);
        assert!(refusal.output.contains(&missing), "{missing} is not named: {}", refusal.output);
        assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
    }
    assert_eq!(history(&database).await, before);
    client
        .batch_execute("INSERT INTO refinery_schema_history SELECT * FROM aside; DROP TABLE aside")
        .await
        .expect("the schema of today");
    drop(production().start());
    drop(production().worker().start());
}

#[tokio::test]
async fn a_killed_migration_releases_its_lock_to_the_next() {
    let database = OwnDatabase::create().await;
    let alone = lock_cluster();
    let running: Vec<_> = (0..3).map(|_| on(&database).spawn("migrate")).collect();
    let client = database.client().await;
    let cut = "SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l \
               JOIN pg_stat_activity a USING (pid) \
               WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() \
               AND a.backend_type = 'client backend' AND l.objid <> 0";
    for _ in 0..200 {
        let row = client.query_one(cut, &[]).await.expect("a kill");
        if row.get::<_, i64>(0) > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let codes: Vec<_> = running.into_iter().map(|process| process.finish().code).collect();
    drop(alone);
    assert!(codes.iter().filter(|code| **code == Some(0)).count() >= 1, "{codes:?}");
    assert!(history(&database).await.iter().all(|(_, count)| *count == 1));
    let server = on(&database).start();
    App::of(&server).get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_tenant_named_demo_does_not_prevent_the_demo_tenant() {
    let database = OwnDatabase::create().await;
    {
        let server = on(&database).set("DEMO_TENANT", "off").start();
        let body = serde_json::json!({
            "username": "founder", "password": "a good password", "tenant_name": "Demo",
        });
        App::of(&server).post_json("/api/register", &body).await.expect(201);
    }
    let server = on(&database).set("DEMO_TENANT", "on").start();
    App::of(&server).get("/readyz").await.expect(200);
}
