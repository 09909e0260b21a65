//! add-worker, rebalance, isolate-tenant, drain and remove-worker under a load of writes through every node.

use super::citus_or_skip;
use super::nodes::{Nodes, lock_shard_moves, number};
use super::sql_load::{self, Load};

async fn cluster_of_one_worker(nodes: &Nodes) {
    // Few shards keep the test short; each move takes seconds.
    nodes.run(&["cluster", "init", "--shards", "8", "--workers", &nodes.addresses[1]]).await.expect(0);
    let admin = nodes.client(0).await;
    sql_load::create_tenants(&admin, 1000, 60).await;
    let fill = "INSERT INTO notes (tenant_id, user_id, content)
                SELECT 1000 + i % 60, 500001000 + i % 60, repeat('filling ', 40)
                FROM generate_series(1, 30000) i";
    admin.batch_execute(fill).await.expect("notes");
}

#[tokio::test]
async fn adding_and_removing_a_worker_under_load_loses_no_acknowledged_note() {
    let _alone = lock_shard_moves().await;
    let nodes = citus_or_skip!();
    cluster_of_one_worker(&nodes).await;
    let second = nodes.addresses[2].clone();
    let load = Load::start(&[nodes.url(0), nodes.url(1)], 1000..1060, 3);

    nodes.run(&["cluster", "add-worker", &second, "--yes"]).await.expect(0).says("group 2");
    let limits = "SELECT count(*) FROM pg_roles WHERE rolname = 'pigeonhole_app' \
        AND 'statement_timeout=2s' = ANY (rolconfig)";
    assert_eq!(number(&nodes.client(2).await, limits).await, 1);
    nodes.assert_functions_on(2).await;
    nodes.run(&["cluster", "rebalance", "--yes"]).await.expect(0).says("finished");
    let on_second = "SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard USING (shardid)
                     WHERE groupid = 2 AND logicalrelid = 'notes'::regclass";
    assert!(nodes.number(on_second).await >= 2);

    nodes
        .run(&["cluster", "isolate-tenant", "1007", "--to", &second, "--yes"])
        .await
        .expect(0)
        .says("pinned to");
    nodes
        .run(&["cluster", "isolate-tenant", "1007", "--to", &second, "--yes"])
        .await
        .expect(0)
        .says("for itself already");
    let owning_group = "SELECT groupid::bigint FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
                WHERE shardid = get_shard_id_for_distribution_column('notes', 1007)
                AND shardminvalue = shardmaxvalue";
    assert_eq!(nodes.number(owning_group).await, 2);
    nodes
        .run(&["cluster", "backup-point", "under-load", "--yes"])
        .await
        .expect(0)
        .says("restore point under-load");

    nodes.run(&["cluster", "drain", &second, "--yes"]).await.expect(0).says("finished");
    assert_eq!(nodes.number(owning_group).await, 1);
    nodes.run(&["cluster", "remove-worker", &second, "--yes"]).await.expect(0).says("removed");
    assert_eq!(nodes.number("SELECT groupid::bigint FROM operator.pins WHERE tenant = 1007").await, 1);

    let report = load.stop().await;
    let lost = report.lost(&nodes.client(0).await).await;
    println!("{}", report.figures(lost));
    assert_eq!(lost, 0, "{}", report.figures(lost));
    assert!(report.errors.is_empty(), "{}", report.figures(lost));
    assert!(report.acknowledged.len() > 1000);

    // The removed server still has the extension's metadata. Its group number is not reused.
    nodes.run(&["cluster", "add-worker", &second, "--yes"]).await.expect(1).says("DROP EXTENSION");
    nodes.drop_database(2).await;
    nodes.make_database(2).await;
    nodes.run(&["cluster", "add-worker", &second, "--yes"]).await.expect(0).says("group 3");
    nodes.run(&["cluster", "status"]).await.expect(0);
}

#[tokio::test]
async fn a_pinned_tenant_is_not_moved_and_a_stopped_rebalance_leaves_the_cluster_healthy() {
    let _alone = lock_shard_moves().await;
    let nodes = citus_or_skip!();
    cluster_of_one_worker(&nodes).await;
    let (first, second) = (nodes.addresses[1].clone(), nodes.addresses[2].clone());
    nodes.run(&["cluster", "add-worker", &second, "--yes"]).await.expect(0);
    nodes.run(&["cluster", "isolate-tenant", "1011", "--to", &first, "--alone", "--yes"]).await.expect(0);
    // Neither our plan nor the plan of Citus moves the pinned shard.
    nodes.run(&["cluster", "rebalance", "--plan"]).await.expect(0).says(&format!("{first} to {second}"));
    let pinned = "SELECT count(*) FROM get_rebalance_table_shards_plan()
        WHERE shardid IN (SELECT shardid FROM pg_dist_shard
                  WHERE shardminvalue = shardmaxvalue)";
    assert_eq!(nodes.number(pinned).await, 0);
    let leaving = "SELECT count(DISTINCT shardid) FROM get_rebalance_table_shards_plan()";
    assert!(nodes.number(leaving).await > 6, "all other shards leave the node of a tenant that is alone");

    nodes
        .run(&["cluster", "rebalance", "--background", "--yes"])
        .await
        .expect(0)
        .says("has started in the background");
    nodes
        .run(&["cluster", "remove-worker", &second, "--yes"])
        .await
        .expect(1)
        .says("pigeonhole cluster stop");
    nodes.run(&["cluster", "stop", "--yes"]).await.expect(0).says("cancelled");
    assert_eq!(
        nodes
            .number(
                "SELECT count(*) FROM operator.events WHERE command = 'rebalance' AND outcome = 'stopped'"
            )
            .await,
        1
    );
    assert_eq!(nodes.number("SELECT count(*) FROM notes").await, 30_000);
    nodes.run(&["cluster", "isolate-tenant", "1011", "--unpin"]).await.expect(0).says("unpinned");
    nodes.run(&["cluster", "status"]).await.expect(0);
}
