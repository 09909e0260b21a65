//! Reads of a shard that has just moved, while the server's cached topology names the old node.

use serde_json::json;

use crate::support::data_folder::{start_or_skip, stop};
use crate::support::{Person, Script};

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
    // Wait until the server reads from the owning node.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
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
