//! kill -9 during work that must be atomic or continue after a restart.

use serde_json::json;
use tokio_postgres::Client;

use crate::support::database::{OwnDatabase, connect};
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Person, eventually, names};

/// How many of our statements wait for a lock, on all nodes.
async fn waiting_for_locks(nodes: &[Client]) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock'
                 AND application_name NOT LIKE 'Citus Maintenance%'";
    let mut sum = 0;
    for node in nodes {
        sum += node.query_one(query, &[]).await.expect("a count").get::<_, i64>(0);
    }
    sum
}

async fn nodes_of(database: &OwnDatabase) -> Vec<Client> {
    futures_util::future::join_all(database.nodes().iter().map(|node| connect(node))).await
}

async fn can_log_in(app: &App, person: &Person, password: &str) -> bool {
    let body = json!({"username": person.username, "password": password});
    let status = app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await.status;
    assert!(matches!(status, 200 | 401), "{status}");
    status == 200
}

#[tokio::test]
async fn a_password_change_and_the_end_of_other_sessions_are_atomic() {
    let database = OwnDatabase::create().await;
    let nodes = nodes_of(&database).await;
    let mut admin = database.client().await;
    let key = names::secret_key();
    let builder = || ServerBuilder::new().set("DATABASE_URL", &database.url).set("SECRET_KEY", &key);
    let mut server = builder().start_async().await;
    for released_at_once in [false, true] {
        let app = App::of(&server);
        let person = Person::founder(&app).await;
        let browser = person.browser(&app).await;
        let elsewhere = person.script(&app).await;
        // A lock blocks the end of the other session. The transaction has stored the new password and cannot
        // commit.
        let held = admin.transaction().await.expect("a transaction");
        let hold = "SELECT FROM sessions WHERE tenant_id = $1 AND kind = 'script' FOR UPDATE";
        assert_eq!(held.query(hold, &[&person.tenant_id]).await.expect("a lock").len(), 1);
        let fields = [("current_password", person.password.as_str()), ("password", "a new password")];
        let call =
            Call::new("POST", "/account/password").form(&fields).header("cookie", browser.cookie_header());
        let (http, base) = (app.http.clone(), app.base.clone());
        let changing = tokio::spawn(async move { call.try_send(&http, &base).await.is_ok() });
        eventually("the change waits", async || waiting_for_locks(&nodes).await > 0).await;
        server.kill_async().await;
        assert!(!changing.await.expect("an end"), "the change was answered");
        if !released_at_once {
            eventually("the server gives the change up", async || waiting_for_locks(&nodes).await == 0).await;
        }
        held.rollback().await.expect("no lock");

        server = builder().start_async().await;
        let app = App::of(&server);
        let old = can_log_in(&app, &person, &person.password).await;
        assert_ne!(can_log_in(&app, &person, "a new password").await, old);
        let call = Call::new("GET", "/api/me").bearer(&elsewhere.token);
        assert_eq!(
            app.answer(call).await.status,
            if old { 200 } else { 401 },
            "the other session, with the old password: {old}"
        );
        let call = Call::new("GET", "/dashboard").header("cookie", browser.cookie_header());
        assert_eq!(
            app.answer(call).await.status,
            if old { 200 } else { 303 },
            "this session, with the old password: {old}"
        );
        assert!(old || released_at_once, "the change came through a lock");
    }
}

const TABLES: [&str; 9] = [
    "shared.users",
    "notes",
    "note_revisions",
    "sessions",
    "invitations",
    "shares",
    "outbox",
    "idempotency_keys",
    "logins",
];

async fn rows(admin: &Client, table: &str, tenant: i64) -> i64 {
    let count = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1");
    admin.query_one(&count, &[&tenant]).await.expect(table).get(0)
}

/// A tenant with a row in every table.
async fn tenant_with_rows(app: &App) -> Person {
    let person = Person::founder(app).await;
    let script = person.script(app).await;
    let note = script.note("first").await;
    script.put(&format!("/api/notes/{note}"), &json!({"content": "second"})).await.expect(200);
    let call = Call::new("POST", "/api/invitations").json(&json!({})).header("idempotency-key", "once");
    script.answer(call).await.expect(201);
    script
        .post(&format!("/api/notes/{note}/shares"), &json!({"share_with": "everyone", "access": "read"}))
        .await
        .expect(201);
    person
}

#[tokio::test]
async fn an_interrupted_tenant_removal_continues_at_the_next_start() {
    let database = OwnDatabase::create().await;
    let nodes = nodes_of(&database).await;
    let (admin, mut holder) = (database.client().await, database.client().await);
    let builder = || ServerBuilder::new().set("DATABASE_URL", &database.url).set("WORKER", "off");
    let server = builder().start_async().await;
    let app = App::of(&server);
    let (ended, bystander) = (tenant_with_rows(&app).await, tenant_with_rows(&app).await);
    server.kill_async().await;
    let (tenant, other) = (ended.tenant_id, bystander.tenant_id);
    let mut kept = Vec::new();
    for table in TABLES {
        assert!(rows(&admin, table, tenant).await > 0, "{table} is empty");
        kept.push(rows(&admin, table, other).await);
    }
    let end = "UPDATE shared.tenants SET delete_after = now() - interval '1 second' WHERE id = $1";
    admin.execute(end, &[&tenant]).await.expect("the end");

    let held = holder.transaction().await.expect("a transaction");
    held.query("SELECT FROM notes WHERE tenant_id = $1 FOR UPDATE", &[&tenant]).await.expect("a lock");
    let server = builder().start_async().await;
    eventually("the removal waits for the notes", async || waiting_for_locks(&nodes).await > 0).await;
    server.kill_async().await;
    held.rollback().await.expect("no lock");
    assert_eq!(rows(&admin, "sessions", tenant).await, 0, "it had not begun");
    assert!(rows(&admin, "shared.users", tenant).await > 0, "it was not in the middle");

    let server = builder().start_async().await;
    let gone = "SELECT count(*) FROM shared.tenants WHERE id = $1";
    eventually("the organization is gone", async || {
        admin.query_one(gone, &[&tenant]).await.expect("a count").get::<_, i64>(0) == 0
    })
    .await;
    for (table, kept) in TABLES.into_iter().zip(kept) {
        assert_eq!(rows(&admin, table, tenant).await, 0, "{table}");
        assert_eq!(rows(&admin, table, other).await, kept, "{table} of a bystander");
    }
    let app = App::of(&server);
    assert!(!can_log_in(&app, &ended, &ended.password).await);
    assert!(can_log_in(&app, &bystander, &bystander.password).await);
}
