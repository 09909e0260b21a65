//! Shards read directly, by their table name on the node that holds them.

use tokio_postgres::{Client, Config, NoTls};

use super::row_level_security::{create_tenant_in_same_shard, person_with_rows};
use crate::support::{Person, database, environment, spawn_app};

/// A connection as the application role to the node that holds the tenant's shard, and the shard's table
/// name.
pub(super) async fn on_owning_node(person: &Person) -> (Client, String) {
    let admin = database::admin().await;
    let place = "SELECT n.nodename, n.nodeport, p.shardid, current_database()::text FROM pg_dist_placement p
                 JOIN pg_dist_node n USING (groupid)
                 WHERE p.shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
    let row = admin.query_one(place, &[&person.tenant_id]).await.expect("a place");
    let mut config = Config::new();
    config
        .host(row.get::<_, &str>(0))
        .port(row.get::<_, i32>(1) as u16)
        .user("postgres")
        .dbname(row.get::<_, &str>(3));
    config.options("-c role=pigeonhole_app");
    let (client, connection) = config.connect(NoTls).await.expect("the node");
    tokio::spawn(connection);
    (client, format!("public.notes_{}", row.get::<_, i64>(2)))
}

#[tokio::test]
async fn reading_a_shard_directly_shows_only_the_tenants_own_rows() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    person.script(&app).await.note("mine").await;
    let (client, shard) = on_owning_node(&person).await;
    let read = format!("SELECT count(*) FROM {shard} WHERE tenant_id = {}", person.tenant_id);
    client.batch_execute(&format!("PREPARE read AS {read}")).await.expect("prepared");
    assert!(client.simple_query("EXECUTE read").await.is_err(), "read without a tenant");
    for (tenant, expected) in [(person.tenant_id, "1"), (person.tenant_id + 1, "0")] {
        let message = format!("SET LOCAL app.tenant_id = '{tenant}'; EXECUTE read");
        let counted = client.simple_query(&message).await.expect("a count");
        let counted = counted.iter().find_map(|part| match part {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(counted, Some(expected), "as tenant {tenant}");
        // SET LOCAL ended with the message.
        assert!(client.simple_query("EXECUTE read").await.is_err(), "read with the tenant of before");
    }
}

/// The table and the shard name of this tenant for each table distributed by tenant that the role may read.
async fn shards_of(tenant_id: i64) -> Vec<(String, String)> {
    let admin = database::admin().await;
    let query = "SELECT logicalrelid::regclass::text,
                        format('%I.%I', nspname, relname || '_' ||
                        get_shard_id_for_distribution_column(logicalrelid, $1::bigint))
                 FROM pg_dist_partition JOIN pg_class c ON c.oid = logicalrelid
                 JOIN pg_namespace n ON n.oid = relnamespace
                 WHERE partmethod = 'h' AND has_table_privilege('pigeonhole_app', c.oid, 'SELECT') AND
                       EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')";
    let rows = admin.query(query, &[&tenant_id]).await.expect("shards");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_shard_queried_without_a_condition_isolates_two_tenants() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    let person = person_with_rows().await;
    let neighbour = create_tenant_in_same_shard(&person).await;
    let tenant = person.tenant_id;
    let (mut client, notes) = on_owning_node(&person).await;
    let shards = shards_of(tenant).await;
    assert!(shards.len() >= 5, "{shards:?}");
    for (table, shard) in &shards {
        let seen = client.query_one(&format!("SELECT count(*) FROM {shard}"), &[]).await;
        assert!(
            seen.is_err() || seen.is_ok_and(|row| row.get::<_, i64>(0) == 0),
            "{table} is open without a tenant"
        );
    }
    // Citus refuses direct writes to a shard without this setting.
    let transaction = client.transaction().await.expect("a transaction");
    let inside =
        format!("SET LOCAL app.tenant_id = '{tenant}'; SET LOCAL citus.enable_manual_changes_to_shards = on");
    transaction.batch_execute(&inside).await.expect("a tenant");
    for (table, shard) in &shards {
        let seen = format!("SELECT count(*), count(*) FILTER (WHERE tenant_id <> $1) FROM {shard}");
        let row = transaction.query_one(&seen, &[&tenant]).await.expect(table);
        assert_eq!(row.get::<_, i64>(1), 0, "{table} shows others");
        if ["notes", "note_revisions", "sessions", "shared.users"].contains(&table.as_str()) {
            assert!(row.get::<_, i64>(0) > 0, "{table} hides its own rows");
        }
    }
    assert_eq!(
        transaction.execute(&format!("UPDATE {notes} SET content = 'mine'"), &[]).await.expect("an update"),
        1
    );
    transaction.rollback().await.expect("an end");
    for statement in [
        format!(
            "INSERT INTO {notes} (tenant_id, id, user_id, content) VALUES ({neighbour}, 77, {neighbour}, 'x')"
        ),
        format!("UPDATE {notes} SET tenant_id = {neighbour}"),
    ] {
        let transaction = client.transaction().await.expect("a transaction");
        transaction.batch_execute(&inside).await.expect("a tenant");
        let error = transaction.execute(&statement, &[]).await.expect_err(&statement);
        assert_eq!(
            error.code().map(tokio_postgres::error::SqlState::code),
            Some("42501"),
            "{statement}: {error:?}"
        );
    }
    let mine = "SELECT count(*) FROM notes WHERE tenant_id = $1 AND content IN ('mine', 'x')";
    for tenant in [tenant, neighbour] {
        assert_eq!(database::number(mine, &[&tenant]).await, 0);
    }
}
