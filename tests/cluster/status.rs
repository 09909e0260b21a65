//! `cluster status` reports faults in its exit code and does not wait for dead or frozen nodes.

use super::citus_or_skip;
use super::nodes::run_on;
use crate::support::database_servers::SHARDS;
use crate::support::within_timeout;

#[tokio::test]
async fn status_of_a_healthy_cluster_is_fine_in_text_and_json() {
    let nodes = citus_or_skip!();
    nodes.init(&[1, 2]).await.expect(0);
    nodes.run(&["cluster", "status"]).await.expect(0).says("FINE").says("NODES").says(&nodes.addresses[2]);
    let output = nodes.run(&["cluster", "status", "--json"]).await.expect(0);
    let report: serde_json::Value = serde_json::from_str(&output.output).expect("JSON");
    assert_eq!(report["severity"], "fine");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(3));
    let tables = report["tables"].as_array().expect("tables");
    let distributed = tables.iter().filter(|table| table["kind"] == "distributed").count();
    assert!(distributed >= 5);
    assert_eq!(report["nodes"][1]["shards"], distributed * SHARDS as usize / 2);
    for node in report["nodes"].as_array().expect("nodes") {
        let connections = &node["inside"]["connections"];
        let number = |name: &str| connections[name].as_i64().expect(name);
        // The command counts its own connection.
        assert!(connections["ours"]["pigeonhole cluster"].as_i64() >= Some(1), "{connections}");
        let ours: i64 = connections["ours"]
            .as_object()
            .expect("ours")
            .values()
            .filter_map(serde_json::Value::as_i64)
            .sum();
        assert_eq!(ours + number("citus") + number("others"), number("open"), "{connections}");
        assert!(number("open") < number("limit"), "{connections}");
    }
}

#[tokio::test]
async fn status_without_a_coordinator_is_down() {
    let status = run_on("postgresql://postgres@127.0.0.1:9/x", &["cluster", "status"]);
    within_timeout("status", status).await.expect(2).says("DOWN");
}

#[tokio::test]
async fn a_node_that_hangs_is_down_and_delays_no_command() {
    let nodes = citus_or_skip!();
    nodes.init(&[1, 2]).await.expect(0);
    // As with a stopped process: the kernel still accepts connections.
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = frozen.local_addr().expect("an address").port();
    let admin = nodes.client(0).await;
    admin
        .batch_execute(&format!("UPDATE pg_dist_node SET nodeport = {port} WHERE groupid = 2"))
        .await
        .expect("another port");
    let status = nodes.run(&["cluster", "status"]);
    within_timeout("status", status)
        .await
        .expect(2)
        .says(&format!("127.0.0.1:{port} does not answer"))
        .says("do:");
    let rebalance = nodes.run(&["cluster", "rebalance", "--yes"]);
    within_timeout("rebalance", rebalance).await.expect(1).says("every node must answer");
}

#[tokio::test]
async fn an_unfinished_citus_upgrade_is_named_with_its_remedy() {
    let nodes = citus_or_skip!();
    nodes.init(&[1, 2]).await.expect(0);
    // As after an update of the package without ALTER EXTENSION.
    let older = "SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '12.0-1' \
        WHERE extname = 'citus'";
    nodes.client(1).await.batch_execute(older).await.expect("an older extension");
    let named = format!("{} is slow or refuses part of the questions", nodes.addresses[1]);
    nodes
        .run(&["cluster", "status"])
        .await
        .expect(1)
        .says(&named)
        .says("in this database: ALTER EXTENSION citus UPDATE");
}

#[tokio::test]
async fn status_finds_leftovers_and_missing_row_level_security() {
    let nodes = citus_or_skip!();
    nodes.init(&[1, 2]).await.expect(0);
    let admin = nodes.client(0).await;
    let leftover = "INSERT INTO pg_dist_cleanup (record_id, operation_id, object_type, object_name,
        node_group_id, policy_type)
                    VALUES (4711, 4711, 1, 'public.notes_1', 29, 2)";
    admin.batch_execute(leftover).await.expect("a leftover");
    nodes
        .run(&["cluster", "status"])
        .await
        .expect(1)
        .says("public.notes_1")
        .says("DELETE FROM pg_dist_cleanup");
    admin.batch_execute("DELETE FROM pg_dist_cleanup WHERE operation_id = 4711").await.expect("its removal");

    let worker = nodes.client(1).await;
    let shard: String = worker
        .query_one(
            "SELECT shard_name(logicalrelid, shardid, false) FROM pg_dist_shard JOIN pg_dist_placement
                USING (shardid)
             WHERE logicalrelid = 'notes'::regclass AND groupid = 1 LIMIT 1",
            &[],
        )
        .await
        .expect("a shard")
        .get(0);
    worker
        .batch_execute(&format!(
            "SET citus.enable_manual_changes_to_shards = on; ALTER TABLE {shard} DISABLE ROW LEVEL SECURITY"
        ))
        .await
        .expect("damage");
    nodes.run(&["cluster", "status"]).await.expect(2).says("row-level security");
}
