//! A frozen or killed node: its own tenants get 503, all others notice nothing.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::support::data_folder::{DataFolder, start_or_skip, stop};
use crate::support::frozen_server::FrozenServer;
use crate::support::{App, Call, Person, Script, eventually, unique};

/// A user on each of the two workers.
async fn user_on_each_worker(folder: &DataFolder, app: &App) -> [Script; 2] {
    let coordinator = folder.coordinator().await;
    let workers = [folder.ports()[1], folder.ports()[2]];
    let mut found: [Option<Script>; 2] = [None, None];
    for _ in 0..40 {
        let person = Person::founder(app).await;
        let place = "SELECT nodeport FROM pg_dist_node JOIN pg_dist_placement USING (groupid)
                     WHERE shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
        let port: i32 = coordinator.query_one(place, &[&person.tenant_id]).await.expect("a place").get(0);
        let index = usize::from(port != i32::from(workers[0]));
        if found[index].is_none() {
            let script = person.script(app).await;
            script.note("before").await;
            found[index] = Some(script);
        }
        if let [Some(_), Some(_)] = &found {
            return found.map(|script| script.expect("found"));
        }
    }
    panic!("all tenants are on one worker");
}

/// Waits until the server has loaded the placement of tenants.
pub async fn wait_until_topology_loaded(app: &App) {
    eventually("the map of tenants is read", async || {
        app.log().contains("tenants' work goes to 2 worker nodes")
    })
    .await;
}

async fn list(script: &Script) -> u16 {
    let answer = script.get("/api/notes").await;
    if answer.status == 503 {
        assert!(!answer.header("retry-after").is_empty(), "no Retry-After");
    }
    answer.status
}

async fn wait_until_served(script: &Script) {
    eventually("the tenant is served again", async || list(script).await == 200).await;
}

async fn reads_and_writes(script: &Script) {
    assert_eq!(list(script).await, 200);
    script.post("/api/notes", &json!({"content": "meanwhile"})).await.expect(201);
}

#[tokio::test]
async fn a_frozen_or_killed_worker_is_503_for_its_own_tenants_only() {
    let Some((folder, server, app)) = start_or_skip().await else { return };
    let [affected, unaffected] = user_on_each_worker(&folder, &app).await;
    wait_until_topology_loaded(&app).await;

    let frozen = FrozenServer::freeze(folder.postmaster("worker1"));
    for _ in 0..4 {
        assert_eq!(list(&affected).await, 503, "a frozen worker answered");
        for _ in 0..5 {
            reads_and_writes(&unaffected).await;
        }
    }
    let refused = affected.post("/api/notes", &json!({"content": "lost, and said so"})).await;
    assert_eq!(refused.status, 503);
    drop(frozen);
    wait_until_served(&affected).await;
    reads_and_writes(&affected).await;

    kill_process(folder.postmaster("worker1"), Signal::KILL).expect("a kill");
    for _ in 0..20 {
        assert!(matches!(list(&affected).await, 200 | 503));
        reads_and_writes(&unaffected).await;
    }
    wait_until_served(&affected).await;
    stop(server).await;
}

#[tokio::test]
async fn without_the_coordinator_only_sign_up_is_503() {
    let Some((folder, server, app)) = start_or_skip().await else { return };
    let scripts = user_on_each_worker(&folder, &app).await;
    wait_until_topology_loaded(&app).await;
    let newcomer = || {
        let body =
            json!({"username": unique("user"), "password": "a good password", "tenant_name": unique("Org ")});
        Call::new("POST", "/api/register").json(&body)
    };

    let frozen = FrozenServer::freeze(folder.postmaster("."));
    // Longer than the topology is cached: it must be kept although it cannot be reloaded.
    for _ in 0..14 {
        for script in &scripts {
            reads_and_writes(script).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    app.answer(newcomer()).await.expect_problem(503);
    drop(frozen);
    eventually("sign-up works again", async || app.answer(newcomer()).await.status == 201).await;
    stop(server).await;
}
