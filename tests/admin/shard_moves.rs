//! Rebalance, tenant isolation and drain, planned, started, followed and cancelled through the console alone.

use serde_json::Value;

use crate::cluster::nodes::{Nodes, lock_shard_moves};
use crate::cluster::sql_load;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, environment, retry_until_ok};

async fn serve(url: String) -> (Server, App) {
    let server = ServerBuilder::new().set("DATABASE_URL", url).with_console().start_async().await;
    let console = App::console_of(&server);
    (server, console)
}

/// The page after an action, with its flash message.
async fn act(console: &App, action: &str, fields: &[(&str, &str)]) -> String {
    let answer = console.post_form(action, fields).await.expect(303);
    console.get(answer.location()).await.expect(200).text()
}

async fn wait_for_page(console: &App, page: &str, there: impl Fn(&Value) -> bool) -> Value {
    retry_until_ok(async || {
        let shown = console.get(page).await.expect(200).json();
        if there(&shown) { Ok(shown) } else { Err(format!("{shown:#}")) }
    })
    .await
}

fn latest_event<'a>(events: &'a Value, command: &str) -> &'a Value {
    events["events"]
        .as_array()
        .and_then(|lines| lines.iter().find(|line| line["command"] == command))
        .unwrap_or(&Value::Null)
}

#[tokio::test]
async fn rebalance_isolation_and_drain_work_through_the_console() {
    let _alone = lock_shard_moves().await;
    let Some(nodes) = Nodes::create().await else {
        environment::skipped("there is no Citus");
        return;
    };
    nodes.run(&["cluster", "init", "--shards", "8", "--workers", &nodes.addresses[1]]).await.expect(0);
    sql_load::create_tenants(&nodes.client(0).await, 2000, 20).await;
    let fill = "INSERT INTO notes (tenant_id, user_id, content)
                SELECT 2000 + i % 20, 500002000 + i % 20, repeat('filling ', 40)
                FROM generate_series(1, 10000) i";
    nodes.client(0).await.batch_execute(fill).await.expect("notes");
    nodes.run(&["cluster", "add-worker", &nodes.addresses[2], "--yes"]).await.expect(0);
    let (_server, console) = serve(nodes.url(0)).await;

    let plan = console.get("/jobs/rebalance/new").await.expect(200).text();
    assert!(plan.contains("Start the rebalance") && plan.contains(&nodes.addresses[2]), "{plan}");
    assert_eq!(nodes.number("SELECT count(*) FROM pg_dist_background_job").await, 0, "a plan starts nothing");
    assert!(act(&console, "/jobs/rebalance", &[]).await.contains("has started"));
    let jobs = wait_for_page(&console, "/jobs.json", |jobs| jobs["jobs"][0]["state"] == "finished").await;
    let moves = jobs["shown"]["tasks"].as_array().expect("moves");
    assert!(moves.iter().any(|task| task["ran"].as_array().is_some_and(|ran| !ran.is_empty())), "{jobs:#}");
    assert_eq!(jobs["shown"]["bytes"][0], jobs["shown"]["bytes"][1]);
    let events = wait_for_page(&console, "/events.json", |events| {
        latest_event(events, "rebalance")["outcome"] == "done"
    })
    .await;
    assert!(
        latest_event(&events, "rebalance")["who"]
            .as_str()
            .is_some_and(|who| who.starts_with("console, 127.0.0.1 as")),
        "{events:#}"
    );
    let on_second = "SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard USING (shardid)
                     WHERE groupid = 2 AND logicalrelid = 'notes'::regclass";
    assert!(nodes.number(on_second).await >= 2);

    let question = console.get("/tenants/2007/isolation/new").await.expect(200).text();
    assert!(question.contains("tenant 2007 has one for itself"), "{question}");
    let second = nodes.addresses[2].clone();
    assert!(act(&console, "/tenants/2007/isolation", &[("to", &second)]).await.contains("It has begun"));
    wait_for_page(&console, "/events.json", |events| {
        latest_event(events, "isolate-tenant")["outcome"] == "done"
    })
    .await;
    assert_eq!(nodes.number("SELECT groupid::bigint FROM operator.pins WHERE tenant = 2007").await, 2);

    // Start a drain, cancel its job, and undo it.
    let question = console.get("/nodes/2/drain/new").await.expect(200).text();
    assert!(question.contains("Move everything away"), "{question}");
    assert!(act(&console, "/nodes/2/drain", &[]).await.contains("has started"));
    console.get("/jobs/rebalance/new").await.expect(409);
    let job =
        wait_for_page(&console, "/jobs.json", |jobs| jobs["jobs"][0]["state"] == "running").await["jobs"][0]
            ["id"]
            .clone();
    assert!(
        console.get(&format!("/jobs/{job}/cancellation/new")).await.expect(200).text().contains("Stop it")
    );
    assert!(act(&console, &format!("/jobs/{job}/cancellation"), &[]).await.contains("was stopped"));
    assert_eq!(
        nodes.number("SELECT count(*) FROM pg_dist_node WHERE groupid = 2 AND shouldhaveshards").await,
        0
    );
    act(&console, "/nodes/2/drain/cancellation", &[]).await;
    assert_eq!(
        nodes.number("SELECT count(*) FROM pg_dist_node WHERE groupid = 2 AND shouldhaveshards").await,
        1
    );
    assert_eq!(nodes.number("SELECT count(*) FROM notes").await, 10_000);
}
