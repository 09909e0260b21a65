//! A shard move blocked by a transaction names it, and continues when it ends.

use std::time::Duration;

use super::nodes::{RunningCommand, number, run_on};
use crate::support::data_folder::{start_or_skip, stop};
use crate::support::database::{connect, url_of_database};
use crate::support::frozen_server::FrozenServer;
use crate::support::{eventually, retry_until_ok};

/// Waits until the output of `status` contains these words.
async fn wait_for_status_with(url: &str, words: &str) -> String {
    retry_until_ok(async || {
        let text = run_on(url, &["cluster", "status"]).await.output;
        if text.contains(words) { Ok(text) } else { Err(format!("no {words:?} in: {text}")) }
    })
    .await
}

#[tokio::test]
async fn a_move_blocked_by_a_transaction_names_it_and_continues_when_it_ends() {
    // A separate cluster, as moves of other tests would be blocked too.
    let Some((folder, server, _)) = start_or_skip().await else { return };
    let url = folder.coordinator_url();
    let placement = "SELECT nodeport FROM pg_dist_node JOIN pg_dist_placement USING (groupid)
                WHERE shardid = get_shard_id_for_distribution_column('notes', 1)";
    let port: i32 = folder.coordinator().await.query_one(placement, &[]).await.expect("a place").get(0);
    let owning_node = folder.url(u16::try_from(port).expect("a port"), &folder.read("password"));

    let other_database = connect(&url_of_database(&owning_node, "postgres")).await;
    let pid: i32 = other_database.query_one("SELECT pg_backend_pid()", &[]).await.expect("a pid").get(0);
    other_database.batch_execute("BEGIN; SELECT txid_current()").await.expect("a transaction");
    // The split waits for no other database; the move of the new shard does.
    let other = folder.ports().into_iter().skip(1).find(|other| i32::from(*other) != port);
    let other = format!("127.0.0.1:{}", other.expect("a second worker"));
    let isolate = ["cluster", "isolate-tenant", "1", "--to", &other, "--yes"];
    let mut isolating = RunningCommand::start(&url, &isolate);
    let end = format!("SELECT pg_terminate_backend({pid});");
    isolating.until_it_says("WAITING").await;
    let status = wait_for_status_with(&url, &end).await;
    assert!(status.contains(&format!("pid {pid} in database postgres on 127.0.0.1:{port}")), "{status}");
    assert!(isolating.runs());
    other_database.batch_execute("COMMIT").await.expect("an end");
    isolating.finish().await.expect(0).says(&end).says("pinned to");

    let prepared = "BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'left behind'";
    other_database.batch_execute(prepared).await.expect("a prepared transaction");
    let mut draining =
        RunningCommand::start(&url, &["cluster", "drain", &format!("127.0.0.1:{port}"), "--yes"]);
    let end = "ROLLBACK PREPARED 'left behind';";
    draining.until_it_says("WAITING").await;
    wait_for_status_with(&url, end).await;
    other_database.batch_execute(end).await.expect("an end");
    let done = "SELECT count(*) FROM pg_dist_background_task WHERE status = 'done'";
    let coordinator = folder.coordinator().await;
    eventually("a move goes on", async || number(&coordinator, done).await > 0).await;
    run_on(&url, &["cluster", "stop", "--yes"]).await.expect(0);
    draining.finish().await.says(end);
    stop(server).await;
}

#[tokio::test]
async fn a_command_waits_for_a_node_that_is_slow_to_answer() {
    let Some((folder, server, _)) = start_or_skip().await else { return };
    let url = folder.coordinator_url();
    let frozen = FrozenServer::freeze(folder.postmaster("worker2"));
    let planning = RunningCommand::start(&url, &["cluster", "rebalance", "--plan"]);
    // Longer than the timeout for a node that is only inspected, and shorter than that for one that an
    // operation needs.
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(frozen);
    planning.finish().await.expect(0).says("no shard has to move");
    stop(server).await;
}
