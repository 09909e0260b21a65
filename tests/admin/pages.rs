//! The console's pages as HTML, JSON and text, with a frozen node and on plain PostgreSQL.

use serde_json::{Value, json};

use super::console_server::ConsoleServer;
use crate::support::data_folder::{DataFolder, stop};
use crate::support::database::OwnDatabase;
use crate::support::frozen_server::FrozenServer;
use crate::support::server::ServerBuilder;
use crate::support::{
    App, Call, Page, Person, environment, eventually, retry_until_ok, run_blocking, spawn_app_of_console,
    spawn_console, within_timeout,
};

const NO_STATEMENTS: &str = "this server does not load pg_stat_statements";

/// The paths in the navigation.
pub async fn pages(console: &App) -> Vec<String> {
    let page = Page::parse(&console.get("/verdicts").await.expect(200).text());
    let links =
        page.all(".console-nav a").into_iter().filter_map(|link| link.attr("href").map(str::to_owned));
    let pages: Vec<String> = links.collect();
    assert!(pages.len() >= 6, "{pages:?}");
    pages
}

#[tokio::test]
async fn every_console_page_exists_as_html_json_and_text() {
    let console = spawn_console().await;
    for page in pages(&console).await {
        let html = console.get(&page).await.expect(200);
        assert!(html.header("content-type").starts_with("text/html"), "{page}");
        assert!(html.header("content-security-policy").contains("default-src 'none'"), "{page}");
        let json = console.get(&format!("{page}.json")).await.expect(200);
        assert!(json.json().is_object(), "{page}");
        let text = console.get(&format!("{page}.txt")).await.expect(200);
        assert!(text.header("content-type").starts_with("text/plain"), "{page}");
        // Each text begins with the title of a table in capitals.
        assert!(
            text.text().lines().next().is_some_and(|line| line.chars().any(char::is_uppercase)),
            "{page}: {}",
            text.text()
        );
    }
}

#[tokio::test]
async fn every_subject_has_a_verdict_and_every_bad_verdict_a_remedy() {
    let console = spawn_console().await;
    let report = console.get("/verdicts.json").await.expect(200).json();
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    let subjects: Vec<&str> =
        verdicts.iter().map(|verdict| verdict["subject"].as_str().expect("a subject")).collect();
    for subject in [
        "Nodes",
        "Versions",
        "Connections",
        "Long transactions",
        "Locks",
        "Prepared transactions",
        "Replication slots",
        "Row-level security",
    ] {
        assert!(subjects.contains(&subject), "{subject} is missing: {subjects:?}");
    }
    if environment::on_citus() {
        for subject in [
            "Metadata",
            "Log level",
            "Output plugins",
            "Worker processes",
            "Group numbers",
            "Disk",
            "Leftovers of moves",
            "Jobs",
        ] {
            assert!(subjects.contains(&subject), "{subject} is missing: {subjects:?}");
        }
    }
    for verdict in verdicts {
        let fine = verdict["severity"] == "fine";
        assert_eq!(verdict["cure"].as_str().expect("a cure").is_empty(), fine, "{verdict}");
    }
}

#[tokio::test]
async fn a_table_without_row_level_security_is_reported_as_down() {
    // A separate database, as the schema check would stop other servers on this one.
    let database = OwnDatabase::create().await;
    let url = database.url.clone();
    let server = ServerBuilder::new().set("DATABASE_URL", url).with_console().start_async().await;
    database
        .client()
        .await
        .batch_execute("ALTER TABLE notes DISABLE ROW LEVEL SECURITY")
        .await
        .expect("no more policies");
    let report = App::console_of(&server).get("/verdicts.json").await.expect(200).json();
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    let policies =
        verdicts.iter().find(|verdict| verdict["subject"] == "Row-level security").expect("a line");
    assert_eq!(policies["severity"], "down", "{policies}");
}

#[tokio::test]
async fn the_busiest_tenant_is_listed_and_its_shard_is_on_the_map() {
    let console = spawn_console().await;
    let app = spawn_app_of_console().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    for _ in 0..20 {
        script.get("/api/notes").await.expect(200);
    }
    let tenants = console.get("/tenants.json").await.expect(200).json();
    let row =
        tenants["tenants"].as_array().expect("tenants").iter().find(|row| row["tenant"] == person.tenant_id);
    let row = row.unwrap_or_else(|| panic!("tenant {} is not there: {tenants}", person.tenant_id));
    assert!(row["statements"][0].as_i64().expect("a number") >= 20, "{row}");
    assert_eq!(row["day"].as_array().expect("a day").len(), 48);
    if environment::on_citus() {
        let map = console.get("/shards.json").await.expect(200).json();
        let nodes = map["nodes"].as_array().expect("nodes");
        let shards = nodes.iter().flat_map(|node| node["shards"].as_array().expect("shards"));
        let owning_shard = shards
            .clone()
            .find(|shard| shard["shard"] == row["shard"])
            .unwrap_or_else(|| panic!("no shard {}", row["shard"]));
        assert!(owning_shard["statements"].as_i64().expect("a number") >= 20, "{owning_shard}");
        assert!(owning_shard["bytes"].as_i64().expect("bytes") > 0, "{owning_shard}");
        assert_eq!(shards.filter(|shard| shard["tables"].to_string().contains("shared.users")).count(), 32);
    }
}

#[tokio::test]
async fn invented_tokens_and_invitations_show_in_no_number_of_a_tenant() {
    let (console, _database) = ConsoleServer::start().await;
    let script = Person::founder(&console.app).await.script(&console.app).await;
    let secret = "a".repeat(43);
    for number in 900_001..900_011 {
        let call = Call::new("GET", "/api/me").bearer(&format!("ph_{number}_{secret}"));
        console.app.answer(call).await.expect(401);
        console.app.get(&format!("/invitations/phi_{number}_{secret}")).await.expect(404);
        let join = json!({"username": "x1x1", "email": "x@example.test", "password": "a long secret 1",
            "invitation": format!("phi_{number}_{secret}")});
        console.app.post_json("/api/register", &join).await.expect(422);
    }
    script.get("/api/me").await.expect(200);
    for path in ["/tenants.json", "/shards.json", "/metrics", "/application.json"] {
        let text = console.get(path).await.expect(200).text();
        let invented = text.split(|c: char| !c.is_ascii_digit()).find_map(|number| {
            number.parse::<u64>().ok().filter(|number| (900_001..900_011).contains(number))
        });
        assert_eq!(invented, None, "{path}: {text}");
    }
}

#[tokio::test]
async fn statements_on_all_shards_are_merged_into_one_row() {
    let console = spawn_console().await;
    let found = console.get("/statements.json").await.expect(200).json();
    if found["counting"].as_array().expect("nodes").is_empty() {
        assert!(console.get("/statements").await.expect(200).text().contains("shared_preload_libraries"));
        return environment::skipped(NO_STATEMENTS);
    }
    let statements = found["statements"].as_array().expect("statements");
    assert!(!statements.is_empty());
    let numbered = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| {
            word.rsplit_once('_').is_some_and(|(_, number)| {
                number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    };
    for statement in statements {
        assert!(!numbered(statement["text"].as_str().expect("a text")), "{statement}");
    }
}

#[tokio::test]
async fn the_network_is_measured_only_on_request() {
    let console = spawn_console().await;
    let quiet = console.get("/network.json").await.expect(200).json();
    assert_eq!(
        (quiet["measured"].clone(), quiet["grid"].as_array().map(Vec::len)),
        (Value::Bool(false), Some(0))
    );
    let measured = console.get("/network.json?measure=1").await.expect(200).json();
    let count = measured["nodes"].as_array().expect("nodes").len();
    for row in measured["grid"].as_array().expect("a grid") {
        assert_eq!(row.as_array().expect("a row").len(), count);
        for link in row.as_array().expect("a row") {
            assert!(link["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{measured}");
        }
    }
}

#[tokio::test]
async fn an_unknown_period_is_400() {
    let console = spawn_console().await;
    console.get("/tenants?since=14d").await.expect(200);
    console.get("/tenants?since=1y").await.expect(400);
    let page = Page::parse(&console.get("/tenants?since=7d").await.expect(200).text());
    // The links of the navigation keep the period.
    assert!(
        page.all(".console-nav a")
            .iter()
            .all(|link| link.attr("href").is_some_and(|address| address.ends_with("?since=7d")))
    );
}

#[tokio::test]
async fn a_frozen_node_is_named_on_every_page_and_other_nodes_are_still_shown() {
    if !environment::on_citus() {
        return;
    }
    let folder = DataFolder::new();
    let builder = folder.builder(&["--workers", "2"]).set("NODE_TIMEOUT", "4").with_console();
    let server = builder.start_async().await;
    let console = App::console_of(&server);
    let all = pages(&console).await;
    for page in &all {
        console.get(page).await.expect(200);
    }
    let frozen_port = folder.ports()[2];
    let frozen = FrozenServer::freeze(folder.postmaster("worker2"));
    // On a busy machine another node may time out as well; then the request is repeated.
    for page in &all {
        let path =
            if page == "/network" { "/network.json?measure=1".to_owned() } else { format!("{page}.json") };
        // The other pages read one node or this process only.
        let asks_nodes = ["/verdicts", "/shards", "/statements", "/connections", "/network", "/activity"]
            .contains(&page.as_str());
        retry_until_ok(async || {
            let answer = within_timeout(&path, console.get(&path)).await;
            let text = answer.text();
            let named = text.contains(&format!("127.0.0.1:{frozen_port}"))
                && (text.contains("no answer") || text.contains("does not answer"));
            if answer.status == 200 && (named || !asks_nodes) {
                Ok(())
            } else {
                Err(format!("{page}: {} {text}", answer.status))
            }
        })
        .await;
    }
    retry_until_ok(async || {
        let map = console.get("/shards.json").await.expect(200).json();
        let nodes = map["nodes"].as_array().expect("nodes");
        let answered = nodes.iter().filter(|node| node["answered"] == true).count();
        let shown =
            nodes.iter().all(|node| node["shards"].as_array().is_some_and(|shards| shards.len() == 32));
        if answered == 1 && shown { Ok(()) } else { Err(format!("{nodes:?}")) }
    })
    .await;
    drop(frozen);
    eventually("every node answers again", async || {
        let healed = console.get("/verdicts.json").await.expect(200).json();
        healed["nodes"].as_array().expect("nodes").iter().all(|node| node["answered_ms"].is_number())
    })
    .await;
    stop(server).await;
}

#[tokio::test]
async fn the_console_command_prints_the_text_of_the_page() {
    let console = spawn_console().await;
    let builder = ServerBuilder::new().set("ADMIN_BIND", console.address.to_string());
    let printed = run_blocking(move || builder.arguments(&["verdicts"]).run("console")).await;
    assert_eq!(printed.code, Some(0), "{}", printed.output);
    assert!(printed.output.contains("VERDICTS\n"), "{}", printed.output);
    assert!(console.get("/verdicts.txt").await.expect(200).text().starts_with("VERDICTS"));
}

#[tokio::test]
async fn resetting_statement_counters_needs_confirmation_and_is_recorded() {
    // A separate server, as resetting the counters would disturb other tests.
    let folder = DataFolder::new();
    let builder = folder.builder(&[]).with_console();
    let server = builder.start_async().await;
    let console = App::console_of(&server);
    let before = console.get("/statements.json").await.expect(200).json();
    if before["counting"].as_array().expect("nodes").is_empty() {
        environment::skipped(NO_STATEMENTS);
        return stop(server).await;
    }
    let migrations = |found: &Value| found["statements"].to_string().contains("CREATE TABLE notes");
    assert!(migrations(&before), "{before}");
    let question = Page::parse(&console.get("/statements/reset/new").await.expect(200).text());
    assert!(question.has("form[method='post'][action='/statements/reset']"));
    console.post_form("/statements/reset", &[]).await.expect(303);
    let after = console.get("/statements.json").await.expect(200).json();
    assert!(!migrations(&after), "{after}");
    let events = console.get("/events.json").await.expect(200).text();
    assert!(events.contains("reset statements") && events.contains("console, 127.0.0.1"), "{events}");
    stop(server).await;
}
