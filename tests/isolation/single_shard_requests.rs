//! The statistics counters of Citus show that no request queries more than one shard.

use serde_json::json;

use crate::support::database::{OwnDatabase, connect};
use crate::support::routes::{self, RouteEntry};
use crate::support::server::ServerBuilder;
use crate::support::{App, Browser, Call, Person, Script, environment, eventually, spawn_app};

/// Reads first, then writes, then the routes that end the sessions used here.
fn routes_in_order() -> Vec<RouteEntry> {
    let mut all = routes::all();
    all.retain(|route| !route.path.ends_with("/register"));
    all.sort_by_key(|route| (route.is_unsafe(), ends_sessions(route), route.path.ends_with("logout")));
    all
}

fn ends_sessions(route: &RouteEntry) -> bool {
    ["revocation", "password", "logout"].iter().any(|word| route.path.contains(word))
}

fn call_to(route: &RouteEntry, person: &Person, id: &str) -> Call {
    let call = Call::new(&route.method, &route.with_id(id));
    let (name, password, new) = (person.username.as_str(), person.password.as_str(), "another good password");
    if !route.is_unsafe() || route.method == "DELETE" {
        return call;
    }
    match (route.api, route.path.as_str()) {
        (true, "/api/login") => call.json(&json!({"username": name, "password": password})),
        (true, "/api/logout") => call,
        (true, _) => call.json(&json!({"content": "written on the walk"})),
        (false, "/login") => call.form(&person.credentials()),
        (false, "/account/password") => call.form(&[("current_password", password), ("password", new)]),
        (false, _) => call.form(&[("content", "written on the walk"), ("version", "1")]),
    }
}

/// Requests every route as the owner of notes; returns how many succeeded.
async fn request_all_routes(person: &Person, browser: &Browser, script: &Script) -> usize {
    let mut succeeded = 0;
    for route in routes_in_order() {
        // A new note for each route, as some routes delete it. No session has the id 1.
        let id = if ends_sessions(&route) {
            "1".to_owned()
        } else {
            script.note("for the walk").await.to_string()
        };
        let call = call_to(&route, person, &id);
        let answer = if route.api { script.answer(call).await } else { browser.answer(call).await };
        assert!(answer.status < 500, "{} {}: {} {}", route.method, route.path, answer.status, answer.text());
        succeeded += usize::from(answer.status < 400);
    }
    succeeded
}

/// Requests every route of a server with this setting of TENANT_ROUTING; returns its log, and how many
/// statements Citus ran over one shard and over many.
async fn walk(own: &OwnDatabase, tenant_routing: &str) -> (String, [i64; 2]) {
    let builder = ServerBuilder::new()
        .set("DATABASE_URL", &own.url)
        .set("TENANT_ROUTING", tenant_routing)
        .set("WORKER", "off")
        .set("RUST_LOG", "info,pigeonhole::maintenance=debug,pigeonhole::db=debug");
    let server = builder.start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    // Sign-up and the purge at the start query all shards by design.
    eventually("the removal at the start is done", async || server.log().contains("the clean-up is done"))
        .await;
    for node in own.nodes() {
        let reset =
            "SELECT citus_stat_counters_reset(oid) FROM pg_database WHERE datname = current_database()";
        connect(&node).await.batch_execute(reset).await.expect("counters at 0");
    }
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let succeeded = request_all_routes(&person, &browser, &script).await;
    assert!(succeeded > 25, "only {succeeded} routes did anything");
    let counted = "SELECT query_execution_single_shard, query_execution_multi_shard FROM citus_stat_counters
                   WHERE name = current_database()";
    let mut counts = [0, 0];
    for node in own.nodes() {
        let row = connect(&node).await.query_one(counted, &[]).await.expect("counters");
        counts = [counts[0] + row.get::<_, i64>(0), counts[1] + row.get::<_, i64>(1)];
    }
    let log = server.log();
    server.stop_async().await;
    (log, counts)
}

#[tokio::test]
async fn no_route_queries_more_than_one_shard() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    // The shared server creates the roles first; all databases of these servers share them.
    spawn_app().await;
    let own = OwnDatabase::create().await;
    for node in own.nodes() {
        // From a database without Citus, which would propagate the statement to all nodes.
        let postgres_database = connect(&crate::support::database::url_of_database(&node, "postgres")).await;
        let setting = format!("ALTER DATABASE {} SET citus.enable_stat_counters = on", own.name);
        postgres_database.batch_execute(&setting).await.expect("the counters are on");
    }
    let (_, [single, multi]) = walk(&own, "off").await;
    assert_eq!(multi, 0, "statements over many shards");
    assert!(single > 100, "only {single} statements were counted");

    // On the shard's own tables nothing is left for Citus but the changes of reference tables.
    let (log, [single_of_routed, multi]) = walk(&own, "on").await;
    assert!(log.contains("tenants' work goes to 2 worker nodes"), "the placements are unknown: {log}");
    let failed: Vec<&str> = log.lines().filter(|line| line.contains("own tables could not be")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(multi, 0, "statements over many shards");
    assert!(single_of_routed < single / 2, "{single_of_routed} of {single} statements went through Citus");
}
