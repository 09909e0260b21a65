//! Row-level security: the application role cannot reach rows of another tenant by any statement.

use tokio_postgres::{Client, Transaction};

use super::database_roles::as_role;
use crate::support::{Person, database, environment, spawn_app};

const TABLES: [(&str, &str); 6] = [
    ("shared.tenants", "id"),
    ("shared.users", "tenant_id"),
    ("notes", "tenant_id"),
    ("note_revisions", "tenant_id"),
    ("sessions", "tenant_id"),
    ("tenant_usage", "tenant_id"),
];

pub async fn person_with_rows() -> Person {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("first").await;
    let body = serde_json::json!({"content": "second"});
    script.put(&format!("/api/notes/{id}"), &body).await.expect(200);
    person
}

async fn transaction_for<'a>(client: &'a mut Client, tenant_id: i64) -> Transaction<'a> {
    let transaction = client.transaction().await.expect("a transaction");
    transaction
        .batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant_id}'"))
        .await
        .expect("the setting");
    transaction
}

/// On Citus the policies must also hold on shards reached through a connection to another node.
async fn connections() -> Vec<Client> {
    let mut clients = vec![as_role("pigeonhole_app").await];
    if environment::on_citus() {
        let remote = as_role("pigeonhole_app").await;
        remote
            .batch_execute(
                "SET citus.propagate_set_commands = 'local'; \
                 SET citus.enable_local_execution = off",
            )
            .await
            .expect("remote execution");
        clients[0].batch_execute("SET citus.propagate_set_commands = 'local'").await.expect("propagation");
        clients.push(remote);
    }
    clients
}

#[tokio::test]
async fn without_a_tenant_no_row_is_visible() {
    let person = person_with_rows().await;
    for mut client in connections().await {
        for (table, column) in TABLES {
            let statement = format!("SELECT count(*) FROM {table}");
            assert_no_row_visible(&client, &statement).await;
            let statement = format!("{statement} WHERE {column} = {}", person.tenant_id);
            assert_no_row_visible(&client, &statement).await;
        }
        // After a transaction the setting is an empty string, which must count as no tenant.
        transaction_for(&mut client, person.tenant_id).await.commit().await.expect("the end");
        for (table, _) in TABLES {
            assert_no_row_visible(&client, &format!("SELECT count(*) FROM {table}")).await;
        }
    }
}

async fn assert_no_row_visible(client: &Client, statement: &str) {
    if let Ok(row) = client.query_one(statement, &[]).await {
        assert_eq!(row.get::<_, i64>(0), 0, "{statement}");
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_only_with_and_without_a_condition() {
    let (mine, theirs) = (person_with_rows().await, person_with_rows().await);
    for mut client in connections().await {
        let transaction = transaction_for(&mut client, mine.tenant_id).await;
        for (table, column) in TABLES {
            let all = format!("SELECT count(*), count(DISTINCT {column}) FROM {table}");
            let row = transaction.query_one(&all, &[]).await.expect(table);
            assert!(row.get::<_, i64>(0) >= 1, "{table} is empty");
            assert_eq!(row.get::<_, i64>(1), 1, "{table} shows other tenants");
            let foreign = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
            let row = transaction.query_one(&foreign, &[&theirs.tenant_id]).await.expect(table);
            assert_eq!(row.get::<_, i64>(0), 0, "{table} shows another tenant");
            let either = format!("SELECT count(*) FROM {table} WHERE {column} <> $1 OR true");
            let row = transaction.query_one(&either, &[&mine.tenant_id]).await.expect(table);
            let own = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
            let counted = transaction.query_one(&own, &[&mine.tenant_id]).await.expect(table);
            assert_eq!(row.get::<_, i64>(0), counted.get::<_, i64>(0), "{table}");
        }
    }
}

#[tokio::test]
async fn inserting_a_row_for_another_tenant_is_refused() {
    let (mine, theirs) = (person_with_rows().await, person_with_rows().await);
    let before = database::tenant_checksum(theirs.tenant_id).await;
    let (tenant, user) = (theirs.tenant_id, theirs.user_id);
    for mut client in connections().await {
        for statement in [
            format!("INSERT INTO notes (tenant_id, user_id, content) VALUES ({tenant}, {user}, 'x')"),
            format!(
                "INSERT INTO sessions (tenant_id, token_hash, user_id, kind, expires_at) \
                 VALUES ({tenant}, '\\x00', {user}, 'script', now() + interval '1 day')"
            ),
            format!(
                "INSERT INTO note_revisions (tenant_id, note_id, version, content, replaced_by) \
                 VALUES ({tenant}, 1, 1, 'x', {user})"
            ),
        ] {
            let transaction = transaction_for(&mut client, mine.tenant_id).await;
            let error = transaction.batch_execute(&statement).await.expect_err(&statement);
            let code = error.code().expect("a refusal of the database").code();
            assert_eq!(code, "42501", "{statement}: {error:?}");
        }
    }
    assert_eq!(database::tenant_checksum(theirs.tenant_id).await, before);
}

#[tokio::test]
async fn rows_of_another_tenant_cannot_be_updated_deleted_or_moved() {
    let (mine, theirs) = (person_with_rows().await, person_with_rows().await);
    let before = database::tenant_checksum(theirs.tenant_id).await;
    let (own, tenant) = (mine.tenant_id, theirs.tenant_id);
    for mut client in connections().await {
        for statement in [
            format!("UPDATE notes SET content = 'x' WHERE tenant_id = {tenant}"),
            format!("UPDATE shared.users SET role = 'member' WHERE tenant_id = {tenant}"),
            format!("UPDATE sessions SET expires_at = now() WHERE tenant_id = {tenant}"),
            format!("DELETE FROM sessions WHERE tenant_id = {tenant}"),
        ] {
            let transaction = transaction_for(&mut client, own).await;
            let changed = transaction.execute(&statement, &[]).await.expect(&statement);
            assert_eq!(changed, 0, "{statement}");
        }
        for statement in [
            format!("UPDATE notes SET tenant_id = {tenant} WHERE tenant_id = {own}"),
            format!("UPDATE sessions SET tenant_id = {tenant} WHERE tenant_id = {own}"),
        ] {
            let transaction = transaction_for(&mut client, own).await;
            let error = transaction.execute(&statement, &[]).await.expect_err(&statement);
            let code = error.code().expect("a refusal of the database").code();
            // Citus refuses to update a distribution column before PostgreSQL checks policies.
            assert!(["42501", "0A000"].contains(&code), "{statement}: {error:?}");
        }
    }
    assert_eq!(database::tenant_checksum(theirs.tenant_id).await, before);
}

#[tokio::test]
async fn update_and_delete_without_a_condition_affect_one_tenant() {
    let (mine, theirs) = (person_with_rows().await, person_with_rows().await);
    let before = database::tenant_checksum(theirs.tenant_id).await;
    for mut client in connections().await {
        for statement in ["UPDATE notes SET content = content", "DELETE FROM sessions"] {
            let transaction = transaction_for(&mut client, mine.tenant_id).await;
            let changed = transaction.execute(statement, &[]).await.expect(statement);
            assert!(changed >= 1, "{statement}");
            transaction.rollback().await.expect("undone");
        }
    }
    assert_eq!(database::tenant_checksum(theirs.tenant_id).await, before);
}

#[tokio::test]
async fn two_tenants_in_one_shard_are_isolated() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    let first = person_with_rows().await;
    let neighbour = create_tenant_in_same_shard(&first).await;
    for mut client in connections().await {
        let transaction = transaction_for(&mut client, neighbour).await;
        for (table, column) in TABLES {
            let statement = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
            let row = transaction.query_one(&statement, &[&first.tenant_id]).await.expect(table);
            assert_eq!(row.get::<_, i64>(0), 0, "{table} shows the neighbour");
        }
        let row = transaction.query_one("SELECT count(*) FROM notes", &[]).await;
        assert_eq!(row.expect("a count").get::<_, i64>(0), 1);
        let statement = format!("UPDATE notes SET content = 'x' WHERE tenant_id = {}", first.tenant_id);
        assert_eq!(transaction.execute(&statement, &[]).await.expect("an update"), 0);
    }
}

/// A new tenant in the same shard as this person's tenant, with one user and one note.
pub async fn create_tenant_in_same_shard(first: &Person) -> i64 {
    let admin = database::admin().await;
    let shard = "SELECT get_shard_id_for_distribution_column('notes', $1::bigint)";
    let of = |row: tokio_postgres::Row| row.get::<_, i64>(0);
    let shard_of_first = of(admin.query_one(shard, &[&first.tenant_id]).await.expect("a shard"));
    // Far above the sequence, so that no later sign-up gets this id.
    let start = 1_000_000_000_000 + first.tenant_id * 1_000;
    let mut neighbour = None;
    for id in start..start + 2_000 {
        if of(admin.query_one(shard, &[&id]).await.expect("a shard")) == shard_of_first {
            neighbour = Some(id);
            break;
        }
    }
    let neighbour = neighbour.expect("a tenant in the same shard");
    insert_tenant(&admin, neighbour).await;
    neighbour
}

/// A tenant with this id, one user and one note.
async fn insert_tenant(admin: &Client, tenant_id: i64) {
    let name = crate::support::unique("Neighbour ");
    for statement in [
        format!(
            "INSERT INTO shared.tenants (id, name, name_key) VALUES ({tenant_id}, '{name}', lower('{name}'))"
        ),
        format!(
            "INSERT INTO shared.users (tenant_id, id, username, username_key, password, role) \
             VALUES ({tenant_id}, {tenant_id}, 'n', 'n', 'x', 'owner')"
        ),
        format!("INSERT INTO notes (tenant_id, user_id, content) VALUES ({tenant_id}, {tenant_id}, 'n')"),
    ] {
        admin.execute(&statement, &[]).await.expect(&statement);
    }
}

#[tokio::test]
async fn the_shared_test_server_fails_on_multi_shard_statements() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    spawn_app().await;
    let client = database::connect(&crate::support::app::url_refusing_multi_shard()).await;
    client.batch_execute("SELECT * FROM notes WHERE tenant_id = 1").await.expect("one shard");
    let error = client.batch_execute("SELECT * FROM notes").await;
    assert!(error.is_err(), "the setting does not reach the connection");
}

/// A message of this tenant, in whichever state `state` sets, that no relay handles before tomorrow.
async fn place_message(admin: &Client, tenant: i64, state: &str) -> i64 {
    let sql = format!(
        "INSERT INTO outbox (tenant_id, route, user_id, due_at, {state}) \
         VALUES ($1, 'insert_to_shared', 1, now() + interval '1 day', now()) RETURNING id"
    );
    admin.query_one(&sql, &[&tenant]).await.expect("a message").get(0)
}

#[tokio::test]
async fn an_operator_sees_messages_of_all_tenants_and_changes_failed_ones_only() {
    let (first, second) = (person_with_rows().await.tenant_id, person_with_rows().await.tenant_id);
    let admin = database::admin().await;
    let tenants = format!("tenant_id IN ({first}, {second}) AND route = 'insert_to_shared'");
    for tenant in [first, second] {
        for state in ["created_at", "published_at", "acknowledged_at", "failed_at"] {
            place_message(&admin, tenant, state).await;
        }
    }
    let mut clients = vec![as_role("pigeonhole_backlog").await];
    if environment::on_citus() {
        let remote = as_role("pigeonhole_backlog").await;
        remote.batch_execute("SET citus.enable_local_execution = off").await.expect("remote execution");
        clients.push(remote);
    }
    for client in &mut clients {
        let all = format!("SELECT count(*) FROM outbox WHERE {tenants}");
        assert_eq!(client.query_one(&all, &[]).await.expect("a count").get::<_, i64>(0), 8);
        let replay = "UPDATE outbox SET failed_at = NULL, published_at = NULL, attempts = 0, \
            last_error = '', due_at = now() + interval '1 day'";
        for (statement, changed) in [
            (format!("{replay} WHERE {tenants}"), 2),
            (format!("DELETE FROM outbox WHERE {tenants}"), 2),
            (format!("{replay} WHERE {tenants} AND failed_at IS NULL"), 0),
            (format!("DELETE FROM outbox WHERE {tenants} AND acknowledged_at IS NOT NULL"), 0),
        ] {
            let transaction = client.transaction().await.expect("a transaction");
            assert_eq!(transaction.execute(&statement, &[]).await.expect(&statement), changed, "{statement}");
        }
        let transaction = client.transaction().await.expect("a transaction");
        let invented = format!("UPDATE outbox SET failed_at = now() WHERE {tenants}");
        let error = transaction.batch_execute(&invented).await.expect_err(&invented);
        assert_eq!(error.code().expect("a refusal of the database").code(), "42501", "{error:?}");
    }
}
