//! A move that waits for somebody's transaction says whose it is, and goes on when it ends.

use std::time::Duration;

use super::nodes::{Said, run_on};
use crate::support::database::{connect, url_of};
use crate::support::environment;
use crate::support::own_cluster::{Folder, stop};

fn in_background(url: &str, words: &[&str]) -> tokio::task::JoinHandle<Said> {
    let (url, words): (String, Vec<String>) = (url.to_owned(), words.iter().map(ToString::to_string).collect());
    tokio::spawn(async move { run_on(&url, &words.iter().map(String::as_str).collect::<Vec<_>>()).await })
}

/// What `status` says as soon as it says this.
async fn status_that_says(url: &str, words: &str) -> String {
    let mut text = String::new();
    for _ in 0..120 {
        text = run_on(url, &["cluster", "status"]).await.text;
        if text.contains(words) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("status never says {words:?}: {text}");
}

/// So long that a command which looks every few seconds has looked.
async fn let_it_look() {
    tokio::time::sleep(Duration::from_secs(9)).await;
}

#[tokio::test]
async fn a_move_that_waits_for_a_transaction_names_it_and_goes_on_when_it_ends() {
    if !environment::on_citus() {
        eprintln!("SKIPPED: a_move_that_waits_for_a_transaction_names_it_and_goes_on_when_it_ends needs Citus");
        return;
    }
    // A cluster of its own, as others' moves would wait too.
    let folder = Folder::new();
    let (server, _) = folder.start(&["--workers", "2"]).await;
    let url = folder.url(folder.ports()[0], &folder.kept("password"));
    let home = "SELECT nodeport FROM pg_dist_node JOIN pg_dist_placement USING (groupid)
                WHERE shardid = get_shard_id_for_distribution_column('notes', 1)";
    let port: i32 = folder.coordinator().await.query_one(home, &[]).await.expect("a place").get(0);
    let home = folder.url(u16::try_from(port).expect("a port"), &folder.kept("password"));

    let beside = connect(&url_of(&home, "postgres")).await;
    let pid: i32 = beside.query_one("SELECT pg_backend_pid()", &[]).await.expect("a pid").get(0);
    beside.batch_execute("BEGIN; SELECT txid_current()").await.expect("a transaction");
    let isolating = in_background(&url, &["cluster", "isolate-tenant", "1", "--yes"]);
    let end = format!("SELECT pg_terminate_backend({pid});");
    let status = status_that_says(&url, &end).await;
    assert!(status.contains(&format!("pid {pid} in database postgres on 127.0.0.1:{port}")), "{status}");
    let_it_look().await;
    assert!(!isolating.is_finished());
    beside.batch_execute("COMMIT").await.expect("an end");
    isolating.await.expect("the command").expect(0).says("WAITING").says(&end).says("pinned to");

    let prepared = "BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'left behind'";
    beside.batch_execute(prepared).await.expect("a prepared transaction");
    let draining = in_background(&url, &["cluster", "drain", &format!("127.0.0.1:{port}"), "--yes"]);
    let end = "ROLLBACK PREPARED 'left behind';";
    status_that_says(&url, end).await;
    let_it_look().await;
    beside.batch_execute(end).await.expect("an end");
    let done = "SELECT count(*) FROM pg_dist_background_task WHERE status = 'done'";
    let coordinator = folder.coordinator().await;
    // With eleven tables that move together a move takes its time on a busy machine.
    for _ in 0..400 {
        if coordinator.query_one(done, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(coordinator.query_one(done, &[]).await.expect("a count").get::<_, i64>(0) > 0, "no move goes on");
    run_on(&url, &["cluster", "stop", "--yes"]).await.expect(0);
    draining.await.expect("the command").says("WAITING").says(end);
    stop(server).await;
}
