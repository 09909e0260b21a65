//! The server refuses to start on a database whose row-level security is incomplete.

use crate::support::{App, database::OwnDatabase, server::ServerBuilder};

async fn migrated() -> (OwnDatabase, tokio_postgres::Client) {
    let database = OwnDatabase::create().await;
    let migrated = on(&database).run("migrate");
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);
    let client = database.client().await;
    (database, client)
}

fn on(database: &OwnDatabase) -> ServerBuilder {
    ServerBuilder::new().set("DATABASE_URL", &database.url)
}

async fn assert_refused_after(damage: &str, table: &str) {
    let (database, client) = migrated().await;
    for statement in damage.split(';') {
        client.batch_execute(statement).await.expect(statement);
    }
    let refusal = on(&database).expect_refusal();
    assert!(refusal.output.contains(table), "{damage}: {}", refusal.output);
}

#[tokio::test]
async fn the_server_starts_on_a_migrated_database() {
    let (database, _) = migrated().await;
    let server = on(&database).start();
    App::of(&server).get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_table_without_its_policy_stops_the_start() {
    assert_refused_after("DROP POLICY tenant_only ON notes", "notes").await;
}

#[tokio::test]
async fn a_table_with_row_level_security_disabled_stops_the_start() {
    assert_refused_after("ALTER TABLE sessions DISABLE ROW LEVEL SECURITY", "sessions").await;
}

#[tokio::test]
async fn a_permissive_policy_stops_the_start() {
    assert_refused_after("CREATE POLICY everybody ON notes TO pigeonhole_app USING (true)", "notes").await;
}

#[tokio::test]
async fn a_permissive_policy_for_all_roles_stops_the_start() {
    assert_refused_after("CREATE POLICY everybody ON shared.users USING (true)", "users").await;
}

#[tokio::test]
async fn a_new_tenant_table_without_a_policy_stops_the_start() {
    assert_refused_after(
        "CREATE TABLE forgotten (tenant_id bigint, text text); \
         GRANT SELECT ON forgotten TO pigeonhole_app",
        "forgotten",
    )
    .await;
}

#[tokio::test]
async fn a_table_owned_by_the_application_role_stops_the_start() {
    assert_refused_after(
        "GRANT CREATE ON SCHEMA public TO pigeonhole_app; \
         ALTER TABLE note_revisions OWNER TO pigeonhole_app",
        "note_revisions",
    )
    .await;
}
