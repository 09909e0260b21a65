//! Writes on the node that holds the tenant's shard.

use serde_json::json;

use super::shard_reads::on_owning_node;
use crate::support::database::{self, OwnDatabase};
use crate::support::server::ServerBuilder;
use crate::support::{App, Person, Script, environment, eventually};

/// The transactions of tenants that took a way.
async fn on_way(console: &App, way: &str) -> u64 {
    console.metric(&format!("pigeonhole_routing_statements_total{{way=\"{way}\"}}")).await
}

/// Writes in the ways that people use most.
async fn write(script: &Script) {
    let note = script.note("written").await;
    let path = format!("/api/notes/{note}");
    script.put(&path, &json!({"content": "edited", "version": 1})).await.expect(200);
    let share = json!({"share_with": "everyone", "access": "read"});
    script.post(&format!("{path}/shares"), &share).await.expect(201);
    script.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_tenants_writes_run_on_the_shards_own_tables() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    let database = OwnDatabase::create().await;
    let server = ServerBuilder::new().set("DATABASE_URL", &database.url).with_console().start_async().await;
    let (app, console) = (App::of(&server), App::console_of(&server));
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    eventually("the server knows the shards", async || {
        script.get("/api/notes").await.expect(200);
        on_way(&console, "shard").await > 0
    })
    .await;
    let (shard, node) = (on_way(&console, "shard").await, on_way(&console, "node").await);
    write(&script).await;
    assert!(on_way(&console, "shard").await >= shard + 3);
    assert_eq!(on_way(&console, "node").await, node, "a write went through Citus");
    assert_eq!(console.metric("pigeonhole_routing_misses_total{reason=\"moved\"}").await, 0);
    server.stop_async().await;
}

#[tokio::test]
async fn a_shard_that_is_placed_elsewhere_is_not_written() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    let app = crate::support::spawn_app().await;
    let person = Person::founder(&app).await;
    let (client, table) = on_owning_node(&person).await;
    let shard = table.rsplit('_').next().expect("a number");
    let group = "SELECT groupid::bigint FROM pg_dist_placement WHERE shardid = $1";
    let group = database::number(group, &[&shard.parse::<i64>().expect("a number")]).await;
    let lock = |group: i64| format!("SELECT requests.lock_placement({shard}, {group})");
    client.batch_execute(&lock(group)).await.expect("the shard is here");
    let refused = client.batch_execute(&lock(group + 1)).await.expect_err("it is not there");
    assert_eq!(refused.code().map(|code| code.code()), Some("55000"));
}
