//! The server, which sends the statements of tenants to the workers, while the cluster changes.

use std::time::Duration;

use super::citus_or_skip;
use super::http_load::HttpLoad;
use super::nodes::{Nodes, lock_shard_moves, number};
use crate::support::database::connect;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Person, Script, eventually, run_blocking};

/// A server on this cluster, and this many users of different tenants.
pub async fn serve(nodes: &Nodes, tenants: usize) -> (Server, Vec<(Person, Script)>) {
    let builder = ServerBuilder::new().set("DATABASE_URL", nodes.url(0));
    let server = builder.start_async().await;
    let app = App::of(&server);
    let mut people = Vec::new();
    for _ in 0..tenants {
        let person = Person::founder(&app).await;
        let script = person.script(&app).await;
        people.push((person, script));
    }
    (server, people)
}

/// Waits until 50 more notes are acknowledged.
async fn wait_for_more_notes(load: &HttpLoad) {
    let enough = load.acknowledged() + 50;
    eventually("the load goes on", async || load.acknowledged() >= enough).await;
}

#[tokio::test]
async fn requests_succeed_while_workers_are_added_rebalanced_and_removed() {
    let nodes = citus_or_skip!();
    let _alone = lock_shard_moves().await;
    nodes.run(&["cluster", "init", "--shards", "8", "--workers", &nodes.addresses[1]]).await.expect(0);
    let (server, people) = serve(&nodes, 12).await;
    let second = nodes.addresses[2].clone();
    let fill = "INSERT INTO notes (tenant_id, user_id, content)
                SELECT tenant_id, id, repeat('filling ', 40) FROM shared.users, generate_series(1, 1500)";
    nodes.client(0).await.batch_execute(fill).await.expect("notes");
    let load = HttpLoad::start(&people, 6);
    wait_for_more_notes(&load).await;

    nodes.run(&["cluster", "add-worker", &second, "--yes"]).await.expect(0);
    nodes.run(&["cluster", "rebalance", "--yes"]).await.expect(0).says("finished");
    let on_second = "SELECT count(*) FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
                     WHERE groupid = 2 AND logicalrelid = 'notes'::regclass";
    assert!(nodes.number(on_second).await >= 2);
    wait_for_more_notes(&load).await;
    let tenant = people[0].0.tenant_id.to_string();
    nodes
        .run(&["cluster", "isolate-tenant", &tenant, "--to", &second, "--yes"])
        .await
        .expect(0)
        .says("pinned to");
    wait_for_more_notes(&load).await;
    // The server connects to the new worker directly.
    let direct = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pigeonhole_app' \
        AND datname = current_database()";
    let there = nodes.client(2).await;
    eventually("tenants' work goes straight to the new worker", async || number(&there, direct).await > 0)
        .await;
    nodes.run(&["cluster", "drain", &second, "--yes"]).await.expect(0).says("finished");
    wait_for_more_notes(&load).await;
    nodes.run(&["cluster", "remove-worker", &second, "--yes"]).await.expect(0).says("removed");
    wait_for_more_notes(&load).await;

    let report = load.stop().await;
    report.assert_nothing_lost("added, rebalanced, isolated, drained, removed", &nodes.client(0).await).await;
    server.stop_async().await;
}

#[tokio::test]
async fn a_worker_at_a_new_port_is_found_without_a_restart() {
    let nodes = citus_or_skip!();
    let mut own = nodes.own_worker().await;
    let workers = format!("{},127.0.0.1:{}", nodes.addresses[1], own.port());
    nodes.run(&["cluster", "init", "--workers", &workers]).await.expect(0);
    let (server, people) = serve(&nodes, 12).await;
    let moved = "SELECT count(*) FROM shared.tenants t JOIN pg_dist_placement p
                   ON p.shardid = get_shard_id_for_distribution_column('notes', t.id) WHERE p.groupid = 2";
    assert!(nodes.number(moved).await > 0, "no tenant is on the worker that moves");
    let load = HttpLoad::start(&people, 6);
    wait_for_more_notes(&load).await;

    // Outside the runtime, as blocking it would stop the load.
    let own = run_blocking(move || {
        own.kill();
        std::thread::sleep(Duration::from_secs(1));
        own.resume_elsewhere();
        own
    })
    .await;
    let moved_to = format!(
        "SELECT count(*) FROM (SELECT citus_update_node(nodeid, '127.0.0.1', {}) FROM pg_dist_node \
         WHERE groupid = 2) moved",
        own.port()
    );
    assert_eq!(nodes.number(&moved_to).await, 1);
    let direct = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pigeonhole_app' \
        AND datname = current_database()";
    let there = connect(&crate::support::database::url_of_database(&own.url, &nodes.database)).await;
    eventually("tenants' work goes straight to the worker at its new port", async || {
        number(&there, direct).await > 0
    })
    .await;
    wait_for_more_notes(&load).await;
    let report = load.stop().await;
    assert!(report.busy > 0, "no request noticed that the worker was away");
    report.assert_nothing_lost("killed, back at another port", &nodes.client(0).await).await;
    server.stop_async().await;
}
