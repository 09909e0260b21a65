//! The shards themselves, which the application reads by name on the node that holds them.

use tokio_postgres::{Client, Config, NoTls};

use crate::support::{Person, database, environment, spawn_app};

/// A connection of the application's role to the node that holds a tenant's shard, and the name of the shard.
async fn at_home(person: &Person) -> (Client, String) {
    let admin = database::admin().await;
    let place = "SELECT n.nodename, n.nodeport, p.shardid, current_database()::text FROM pg_dist_placement p
                 JOIN pg_dist_node n USING (groupid) WHERE p.shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
    let row = admin.query_one(place, &[&person.tenant_id]).await.expect("a place");
    let mut config = Config::new();
    config.host(row.get::<_, &str>(0)).port(row.get::<_, i32>(1) as u16).user("postgres").dbname(row.get::<_, &str>(3));
    config.options("-c role=pigeonhole_app");
    let (client, connection) = config.connect(NoTls).await.expect("the node");
    tokio::spawn(connection);
    (client, format!("public.notes_{}", row.get::<_, i64>(2)))
}

#[tokio::test]
async fn a_shard_read_by_name_shows_a_tenant_its_own_rows_only() {
    if !environment::on_citus() {
        eprintln!("SKIPPED: a_shard_read_by_name_shows_a_tenant_its_own_rows_only needs Citus");
        return;
    }
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    person.script(&app).await.note("mine").await;
    let (client, shard) = at_home(&person).await;
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
        // The setting ended with the message.
        assert!(client.simple_query("EXECUTE read").await.is_err(), "read with the tenant of before");
    }
}
