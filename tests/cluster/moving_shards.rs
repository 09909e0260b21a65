//! Reads and writes of shards that move, while the server's cached topology names the old node.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join, join_all};
use serde_json::json;

use crate::support::data_folder::{start_or_skip, stop};
use crate::support::{Person, Script, eventually};

async fn contents(script: &Script) -> Vec<String> {
    let list = script.get("/api/notes").await.expect(200).json();
    let notes = list.as_array().expect("a list");
    notes.iter().map(|note| note["content"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_moved_shard_is_read_from_its_new_node() {
    let Some((folder, server, app)) = start_or_skip().await else { return };
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    script.note("0").await;
    let knows_nodes = async || server.log().contains("tenants' work goes to 2 worker nodes");
    eventually("the server knows the shards", knows_nodes).await;
    assert_eq!(contents(&script).await, ["0"]);

    let coordinator = folder.coordinator().await;
    // The old placement is not removed, as when a long query still uses it.
    for statement in ["ALTER SYSTEM SET citus.defer_shard_delete_interval = -1", "SELECT pg_reload_conf()"] {
        coordinator.batch_execute(statement).await.expect(statement);
    }
    let mut expected = vec!["0".to_owned()];
    for round in 1..=4 {
        let place = "SELECT p.shardid, n.nodeport, o.nodeport FROM pg_dist_placement p
                     JOIN pg_dist_node n USING (groupid)
                     JOIN pg_dist_node o ON o.groupid NOT IN (0, n.groupid)
                     WHERE p.shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
        let row = coordinator.query_one(place, &[&person.tenant_id]).await.expect("a place");
        let (shard, from, to): (i64, i32, i32) = (row.get(0), row.get(1), row.get(2));
        let host: String = coordinator
            .query_one("SELECT nodename FROM pg_dist_node WHERE groupid = 1", &[])
            .await
            .expect("a host")
            .get(0);
        let moving = format!(
            "SELECT citus_move_shard_placement({shard}, '{host}', {from}, '{host}', {to}, 'block_writes')"
        );
        coordinator.batch_execute(&moving).await.expect("a move");
        assert_eq!(contents(&script).await, expected, "after move {round}");
        script.post("/api/notes", &json!({"content": round.to_string()})).await.expect(201);
        expected.insert(0, round.to_string());
        assert_eq!(contents(&script).await, expected, "after writing in round {round}");
    }
    stop(server).await;
}

/// How often the clients read back what they wrote, together.
const READS: usize = 10_000;
const CLIENTS: usize = 6;

/// Writes in every way, and reads each write back in every way, until all clients have read enough. A 503
/// tells nothing about a write, so the round ends there.
async fn write_and_read_back(script: &Script, reads: &AtomicUsize) {
    let mut round = 0;
    while reads.load(Ordering::Relaxed) < READS {
        round += 1;
        let is_there = async |path: &str, content: &str| -> Option<bool> {
            let answer = script.get(path).await;
            if answer.status == 503 {
                return None;
            }
            reads.fetch_add(1, Ordering::Relaxed);
            Some(answer.text().contains(&format!("\"content\":\"{content}\"")))
        };
        let (first, second) = (format!("written {round}"), format!("edited {round}"));
        let written = script.post("/api/notes", &json!({"content": first})).await;
        if written.status == 503 {
            continue;
        }
        let path = format!("/api/notes/{}", written.expect(201).json()["note_id"]);
        for place in [path.as_str(), "/api/notes"] {
            assert_ne!(is_there(place, &first).await, Some(false), "{place} lacks {first}");
        }
        let edited = script.put(&path, &json!({"content": second, "version": 1})).await;
        if edited.status == 503 {
            continue;
        }
        edited.expect(200);
        for place in [path.as_str(), "/api/notes"] {
            assert_ne!(is_there(place, &second).await, Some(false), "{place} lacks {second}");
        }
        if script.delete(&path).await.status == 204 {
            assert_ne!(is_there("/api/notes", &second).await, Some(true), "{second} is in the bin");
        }
    }
}

#[tokio::test]
async fn clients_read_what_they_wrote_while_their_shards_move() {
    let Some((folder, server, app)) = start_or_skip().await else { return };
    let (mut people, mut scripts) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let person = Person::founder(&app).await;
        scripts.push(person.script(&app).await);
        people.push(person.tenant_id);
    }
    let coordinator = folder.coordinator().await;
    let reads = AtomicUsize::new(0);
    let clients = join_all(scripts.iter().map(|script| write_and_read_back(script, &reads)));
    let moves = async {
        let mut moves = 0;
        for (tenant, mode) in people.iter().cycle().zip(["force_logical", "block_writes"].iter().cycle()) {
            if reads.load(Ordering::Relaxed) >= READS {
                return moves;
            }
            let sql = format!(
                "SELECT citus_move_shard_placement(p.shardid, n.nodename, n.nodeport, o.nodename, o.nodeport,
                     '{mode}')
                 FROM pg_dist_placement p JOIN pg_dist_node n USING (groupid)
                 JOIN pg_dist_node o ON o.groupid NOT IN (0, n.groupid)
                 WHERE p.shardid = get_shard_id_for_distribution_column('notes', {tenant}::bigint)"
            );
            coordinator.batch_execute(&sql).await.expect("a move");
            moves += 1;
        }
        moves
    };
    let (_, moves) = join(clients, moves).await;
    assert!(moves >= CLIENTS, "{moves} moves");
    stop(server).await;
}
