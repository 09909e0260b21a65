//! A worker node that stays dead: what tenants of the other nodes and people who sign up are answered.

use serde_json::json;

use super::citus_or_skip;
use super::nodes::Nodes;
use super::sign_up_load::{Newcomer, SignUpLoad};
use super::tenant_routing::serve;
use crate::support::postgres::Postgres;
use crate::support::server::Server;
use crate::support::{Answer, App, Browser, Person, Script, eventually, run_blocking};

/// The group of the node that has this tenant's rows.
async fn group_of(nodes: &Nodes, tenant: i64) -> i64 {
    let place = "SELECT groupid::bigint FROM pg_dist_placement \
        WHERE shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
    nodes.client(0).await.query_one(place, &[&tenant]).await.expect("a place").get(0)
}

/// Users on the node of group 1, and on the node of group 2.
async fn by_node(nodes: &Nodes, people: Vec<(Person, Script)>) -> [Vec<(Person, Script)>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    for user in people {
        let index = usize::try_from(group_of(nodes, user.0.tenant_id).await - 1).expect("a group");
        found[index].push(user);
    }
    assert!(found.iter().all(|users| !users.is_empty()), "all tenants are on one node");
    found
}

async fn read_and_write(users: &[(Person, Script)], browsers: &[Browser]) {
    for (_, script) in users {
        script.get("/api/notes").await.expect(200);
        script.post("/api/notes", &json!({"content": "meanwhile"})).await.expect(201);
    }
    for browser in browsers {
        browser.get("/dashboard").await.expect(200);
    }
}

fn assert_asked_to_come_back(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!answer.header("retry-after").is_empty(), "no Retry-After");
}

/// By script and by form. Returns those who were refused.
async fn refused_sign_ups(app: &App) -> Vec<Newcomer> {
    let mut refused = Vec::new();
    for _ in 0..4 {
        let newcomer = Newcomer::new();
        assert_asked_to_come_back(&app.answer(newcomer.sign_up()).await);
        refused.push(newcomer);
        let newcomer = Newcomer::new();
        let password = format!("secret {}", newcomer.name);
        let fields = [("username", &newcomer.name), ("password", &password), ("tenant_name", &newcomer.name)];
        let fields = fields.map(|(name, value)| (name, value.as_str()));
        assert_asked_to_come_back(&Browser::new(app).post("/register", &fields).await);
        refused.push(newcomer);
    }
    refused
}

/// Users of both nodes, and browsers of those who stay.
struct Fixture {
    server: Server,
    app: App,
    unaffected: Vec<(Person, Script)>,
    affected: Vec<(Person, Script)>,
    browsers: Vec<Browser>,
}

impl Fixture {
    /// On a cluster of a shared node and `own`.
    async fn create(nodes: &Nodes, own: &Postgres) -> Self {
        let workers = format!("{},127.0.0.1:{}", nodes.addresses[1], own.port());
        nodes.run(&["cluster", "init", "--workers", &workers]).await.expect(0);
        let (server, people) = serve(nodes, 12).await;
        let app = App::of(&server);
        let [unaffected, affected] = by_node(nodes, people).await;
        let mut browsers = Vec::new();
        for (person, _) in &unaffected {
            browsers.push(person.browser(&app).await);
        }
        eventually("the map of tenants is read", async || {
            app.log().contains("tenants' work goes to 2 worker nodes")
        })
        .await;
        Self { server, app, unaffected, affected, browsers }
    }

    async fn only_others_are_served(&self) {
        read_and_write(&self.unaffected, &self.browsers).await;
        // Otherwise a load balancer would send the other tenants away too.
        self.app.get("/readyz").await.expect(200);
        for (_, script) in &self.affected {
            assert_asked_to_come_back(&script.get("/api/notes").await);
        }
    }

    async fn wait_until_all_are_served(&self) {
        for (_, script) in &self.affected {
            eventually("its tenants are served again", async || script.get("/api/notes").await.status == 200)
                .await;
        }
    }
}

#[tokio::test]
async fn with_a_dead_worker_sign_ups_are_503_and_succeed_afterwards_and_others_are_served() {
    let nodes = citus_or_skip!();
    let mut own = nodes.own_worker().await;
    let fixture = Fixture::create(&nodes, &own).await;
    let load = SignUpLoad::start(&fixture.app);
    load.wait_for_more().await;

    // Outside the runtime, as blocking it would stop the load.
    own = run_blocking(move || {
        own.kill();
        own
    })
    .await;
    let refused = refused_sign_ups(&fixture.app).await;
    for _ in 0..3 {
        fixture.only_others_are_served().await;
    }
    let report = load.stop().await;
    assert!(!report.refused.is_empty(), "no sign-up noticed that the worker was dead");

    own = run_blocking(move || {
        own.resume();
        own
    })
    .await;
    fixture.wait_until_all_are_served().await;
    let admin = nodes.client(0).await;
    for newcomer in refused {
        newcomer.assert_absent(&admin).await;
        fixture.app.answer_retrying(newcomer.sign_up()).await.expect(201);
        newcomer.assert_whole(&fixture.app, &admin).await;
    }
    report.assert_none_is_half_made(&fixture.app, &admin).await;
    fixture.server.stop_async().await;
    drop(own);
}
