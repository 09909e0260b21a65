//! The coordinator is killed and nodes are frozen under a load that counts what was acknowledged: notes with
//! shares, edits and sign-ups.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::json;
use tokio_postgres::Client;

use super::http_load::HttpLoad;
use super::node_failures::wait_until_topology_loaded;
use super::nodes::number;
use super::sign_up_load::SignUpLoad;
use crate::support::data_folder::{DataFolder, start_or_skip, stop};
use crate::support::frozen_server::FrozenServer;
use crate::support::{App, Call, Person, Script, eventually};

/// One client that replaces the text of one note again and again.
struct EditLoad {
    note: i64,
    tenant: i64,
    stop: Arc<AtomicBool>,
    client: tokio::task::JoinHandle<Vec<String>>,
}

impl EditLoad {
    async fn start(person: &Person, script: &Script) -> Self {
        let note = script.note("before all edits").await;
        let (stop, script) = (Arc::new(AtomicBool::new(false)), script.clone());
        let stopped = Arc::clone(&stop);
        let client = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for count in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let text = format!("edit {count}");
                let call = Call::new("PUT", &format!("/api/notes/{note}")).json(&json!({"content": text}));
                let answer = script.answer(call).await;
                match answer.status {
                    200 => acknowledged.push(text),
                    503 => assert!(!answer.header("retry-after").is_empty(), "no Retry-After"),
                    // The edit before was answered 503 and took effect between the two steps of this one.
                    412 => {}
                    _ => panic!("{}: {}", answer.status, answer.text()),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            acknowledged
        });
        Self { note, tenant: person.tenant_id, stop, client }
    }

    /// The last acknowledged text is the note's or was replaced later, and all before it are in its history.
    async fn assert_none_is_lost(self, coordinator: &Client) {
        self.stop.store(true, Ordering::Relaxed);
        let acknowledged = self.client.await.expect("the client");
        let stored = "SELECT content FROM notes WHERE tenant_id = $1 AND id = $2 UNION ALL \
            SELECT content FROM note_revisions WHERE tenant_id = $1 AND note_id = $2";
        let mut texts: HashMap<String, usize> = HashMap::new();
        for row in coordinator.query(stored, &[&self.tenant, &self.note]).await.expect(stored) {
            *texts.entry(row.get(0)).or_default() += 1;
        }
        for text in &acknowledged {
            assert_eq!(texts.get(text), Some(&1), "{text}");
        }
        println!("{} edits acknowledged, none lost", acknowledged.len());
    }
}

/// Kills the coordinator with -9 and waits until it is back and both loads go on.
async fn kill_coordinator(folder: &DataFolder, load: &HttpLoad, sign_ups: &SignUpLoad) {
    let refused = sign_ups.refused();
    kill_process(folder.postmaster("."), Signal::KILL).expect("a kill");
    eventually("a sign-up notices that the coordinator is dead", async || sign_ups.refused() > refused).await;
    wait_until_both_go_on(load, sign_ups).await;
}

async fn wait_until_both_go_on(load: &HttpLoad, sign_ups: &SignUpLoad) {
    sign_ups.wait_for_more().await;
    let enough = load.acknowledged() + 100;
    eventually("the load goes on", async || load.acknowledged() >= enough).await;
}

/// Stops every process of a node for as long as no sign-up was refused.
async fn freeze(folder: &DataFolder, node: &str, load: &HttpLoad, sign_ups: &SignUpLoad) {
    let refused = sign_ups.refused();
    let frozen = FrozenServer::freeze(folder.postmaster(node));
    eventually("a sign-up notices that the node is frozen", async || sign_ups.refused() > refused).await;
    drop(frozen);
    wait_until_both_go_on(load, sign_ups).await;
}

/// Citus decides what a crash left prepared within a second, and not within its usual minute.
async fn recover_quickly(folder: &DataFolder) {
    for node in folder.all_nodes().await {
        for statement in ["ALTER SYSTEM SET citus.recover_2pc_interval = '1s'", "SELECT pg_reload_conf()"] {
            node.batch_execute(statement).await.expect(statement);
        }
    }
}

/// Authors of different tenants, each with one colleague.
async fn authors(app: &App, count: usize) -> Vec<(Person, Script)> {
    let mut people = Vec::new();
    for _ in 0..count {
        let person = Person::founder(app).await;
        let script = person.script(app).await;
        let invitation = script.post("/api/invitations", &json!({"role": "member"})).await.expect(201).json();
        let token = invitation["token"].as_str().expect("a token");
        Person::invited(app, &person.tenant_name, token).await;
        people.push((person, script));
    }
    people
}

#[tokio::test]
async fn a_coordinator_killed_under_load_loses_and_repeats_no_note_no_share_and_no_sign_up() {
    let Some((folder, server, app)) = start_or_skip().await else { return };
    recover_quickly(&folder).await;
    let people = authors(&app, 12).await;
    wait_until_topology_loaded(&app).await;
    let load = HttpLoad::start_with(&people, 6, &json!({"share_with": "everyone"}));
    let mut edits = Vec::new();
    for (person, script) in people.iter().take(4) {
        edits.push(EditLoad::start(person, script).await);
    }
    let sign_ups = SignUpLoad::start(&app);
    sign_ups.wait_for_more().await;
    for _ in 0..3 {
        kill_coordinator(&folder, &load, &sign_ups).await;
    }
    for node in [".", "worker1"] {
        freeze(&folder, node, &load, &sign_ups).await;
    }
    let acknowledged = load.acknowledged_notes();
    let (report, sign_ups) = (load.stop().await, sign_ups.stop().await);

    let coordinator = folder.coordinator().await;
    for load in edits {
        load.assert_none_is_lost(&coordinator).await;
    }
    report.assert_nothing_lost("the coordinator killed three times, two nodes frozen", &coordinator).await;
    sign_ups.assert_none_is_half_made(&app, &coordinator).await;
    assert_each_is_shared_once(&coordinator, &acknowledged).await;
    for node in folder.all_nodes().await {
        eventually("no transaction is left prepared", async || {
            number(&node, "SELECT count(*) FROM pg_prepared_xacts").await == 0
        })
        .await;
    }
    stop(server).await;
}

/// Each tenant has one member beside the author. Ids are unique over all nodes.
async fn assert_each_is_shared_once(coordinator: &Client, acknowledged: &[(i64, i64, String)]) {
    let waiting = "SELECT count(*) FROM outbox WHERE acknowledged_at IS NULL";
    eventually("every share is delivered", async || number(coordinator, waiting).await == 0).await;
    let rows = coordinator.query("SELECT tenant_id, note_id FROM shared_notes", &[]).await.expect("inboxes");
    let mut delivered = HashMap::new();
    for row in rows {
        *delivered.entry((row.get::<_, i64>(0), row.get::<_, i64>(1))).or_insert(0) += 1;
    }
    for (tenant, note, content) in acknowledged {
        assert_eq!(delivered.get(&(*tenant, *note)), Some(&1), "{content}");
    }
    let ids = number(coordinator, "SELECT count(DISTINCT id) FROM notes").await;
    assert_eq!(ids, number(coordinator, "SELECT count(*) FROM notes").await, "an id was given out twice");
    println!("{} acknowledged shares, each delivered once", acknowledged.len());
}
