//! A request that only reads finds its session in the message of its reads, and shows nothing without it.

use crate::support::database::{self, OwnDatabase};
use crate::support::server::ServerBuilder;
use crate::support::{Answer, App, Call, Person, Script, environment, eventually, spawn_app};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::database_roles::as_role;

/// A token of no session.
fn made_up_token(tenant_id: i64) -> String {
    format!("ph_{tenant_id}_{}", "a".repeat(43))
}

/// The transactions of tenants that this server has run.
async fn transactions(console: &App) -> u64 {
    let text = console.get("/metrics").await.expect(200).text();
    let lines = text.lines().filter(|line| line.starts_with("pigeonhole_routing_statements_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn the_first_request_of_a_session_costs_the_database_one_message() {
    spawn_app().await;
    let server = ServerBuilder::new().with_console().start_async().await;
    let (app, console) = (App::of(&server), App::console_of(&server));
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let note = script.note("read in one message").await;
    let pages = ["/dashboard", "/notes", "/bin", "/inbox"].map(str::to_owned);
    let pages = pages.into_iter().chain([format!("/notes/{note}")]).map(|path| (path, true));
    let calls = ["/api/notes".to_owned(), "/api/inbox".to_owned(), format!("/api/notes/{note}")];
    for (path, is_page) in pages.chain(calls.into_iter().map(|path| (path, false))) {
        // The messages of other tests wait in the same database, and this server delivers some of them.
        eventually("one message", async || {
            database::wait_for_session_cache_expiry().await;
            let before = transactions(&console).await;
            let answer = if is_page { browser.get(&path).await } else { script.get(&path).await };
            let text = answer.expect(200).text();
            assert!(!path.contains("notes") || text.contains("read in one message"), "{path}: {text}");
            transactions(&console).await - before == 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_stranger_learns_of_no_other_fault_than_the_missing_login() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let browser = person.browser(&app).await;
    let made_up = format!("Bearer {}", made_up_token(person.tenant_id));
    let stranger = Person::founder(&app).await;
    // A token that is in force, with the number of another tenant.
    let token = stranger.script(&app).await.token;
    let moved = token.replace(&stranger.tenant_id.to_string(), &person.tenant_id.to_string());
    let moved = format!("Bearer {moved}");
    for (path, status) in [
        ("/api/notes?limit=x", 422),
        ("/api/notes?cursor=x", 422),
        ("/api/inbox?unread=x", 422),
        ("/api/notes/x", 404),
        ("/api/notes/1", 404),
    ] {
        script.get(path).await.expect(status);
        for token in [made_up.as_str(), moved.as_str(), "Bearer x"] {
            app.answer(Call::new("GET", path).header("Authorization", token)).await.expect(401);
        }
        app.get(path).await.expect(401);
    }
    for (path, status) in [("/notes/x", 404), ("/notes/1", 404), ("/notes?cursor=x", 200)] {
        browser.get(path).await.expect(status);
        app.get(path).await.expect(303);
    }
}

/// Statements that end the sessions of a tenant in ways that this server is not told of.
const ENDS: [&str; 6] = [
    "UPDATE sessions SET expires_at = now() WHERE tenant_id = $1",
    "UPDATE sessions SET last_seen_at = now() - interval '15 days' WHERE tenant_id = $1",
    "DELETE FROM sessions WHERE tenant_id = $1",
    "UPDATE shared.users SET removed_at = now() WHERE tenant_id = $1",
    "UPDATE shared.tenants SET delete_after = now() WHERE id = $1",
    "UPDATE sessions SET token_hash = '\\x00' || token_hash WHERE tenant_id = $1",
];

#[tokio::test]
async fn an_ended_session_reads_nothing_in_the_message_that_looks_for_it() {
    let app = spawn_app().await;
    let client = database::admin().await;
    for end in ENDS {
        let person = Person::founder(&app).await;
        let (browser, script) = (person.browser(&app).await, person.script(&app).await);
        let note = script.note("only for sessions in force").await;
        for path in ["/api/notes", &format!("/api/notes/{note}")] {
            assert!(script.get(path).await.expect(200).text().contains("in force"), "{path}");
        }
        let changed = client.execute(end, &[&person.tenant_id]).await;
        assert_ne!(changed.expect(end), 0, "{end}");
        database::wait_for_session_cache_expiry().await;
        for path in [format!("/notes/{note}"), "/notes".to_owned(), "/inbox".to_owned()] {
            for (path, answer, status) in [
                (format!("/api{path}"), script.get(&format!("/api{path}")).await, 401),
                (path.clone(), browser.get(&path).await, 303),
            ] {
                let text = answer.expect(status).text();
                assert!(!text.contains("in force"), "{path} after {end}: {text}");
            }
        }
    }
}

/// Locks the notes of all tenants on every node.
async fn lock_notes(database: &OwnDatabase) -> Vec<Client> {
    let clients = database.clients().await;
    for client in &clients {
        // Citus hides shards, and refuses to lock them.
        let open =
            "SET citus.override_table_visibility = off; SET citus.enable_manual_changes_to_shards = on;
                    BEGIN";
        client.batch_execute(open).await.expect("a transaction");
        // Citus would lock its own table on every node.
        let name = if environment::on_citus() { "^notes_[0-9]+$" } else { "^notes$" };
        let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relname ~ $1";
        for row in client.query(tables, &[&name]).await.expect("tables") {
            let lock = format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", row.get::<_, String>(0));
            client.batch_execute(&lock).await.expect("a lock");
        }
    }
    clients
}

async fn unlock(locks: &[Client]) {
    for client in locks {
        client.batch_execute("ROLLBACK").await.expect("the lock is gone");
    }
}

/// The sessions of a person that this server has not looked up yet, and the person's only note.
struct Unseen {
    scripts: Vec<Script>,
    content: String,
    tenant_id: i64,
}

impl Unseen {
    async fn of(app: &App, person: &Person, content: &str) -> Self {
        person.script(app).await.note(content).await;
        let scripts = futures_util::future::join_all((0..8).map(|_| person.script(app))).await;
        Self { scripts, content: content.to_owned(), tenant_id: person.tenant_id }
    }

    /// The answer to the first request of the next session.
    async fn list(&mut self) -> Answer {
        self.scripts.pop().expect("a session").get("/api/notes").await
    }

    async fn reads_its_own_note(&mut self) {
        let list = self.list().await.expect(200).json();
        let contents: Vec<_> = list.as_array().expect("a list").iter().map(|note| &note["content"]).collect();
        assert_eq!(contents, [self.content.as_str()]);
    }
}

#[tokio::test]
async fn a_connection_carries_no_user_and_no_tenant_from_one_request_to_the_next() {
    let database = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &database.url).set("POOL_SIZE", "1");
    let server = builder.start_async().await;
    let app = App::of(&server);
    let (first, stranger) = (Person::founder(&app).await, Person::founder(&app).await);
    let nodes = database.clients().await;
    let open = "UPDATE shared.tenants SET join_policy = 'open'";
    nodes[0].batch_execute(open).await.expect("open organizations");
    let colleague = Person::registered(&app, &first.tenant_name).await;
    let mut people = Vec::new();
    for (person, content) in
        [(&first, "of the first"), (&colleague, "of the colleague"), (&stranger, "other")]
    {
        people.push(Unseen::of(&app, person, content).await);
    }
    for round in 0..2 {
        for index in 0..people.len() {
            people[index].reads_its_own_note().await;
            strangers_read_nothing(&app, &people).await;
        }
        // The message fails after the session was found.
        let locks = lock_notes(&database).await;
        people[round].list().await.expect(503);
        unlock(&locks).await;
        strangers_read_nothing(&app, &people).await;
        // The client goes away while the message waits.
        let locks = lock_notes(&database).await;
        let token = people[round].scripts.pop().expect("a session").token;
        let host = app.base.trim_start_matches("http://");
        let head =
            format!("GET /api/notes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(app.address).await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.expect("sent");
        eventually("the message waits", async || database::blocked(&nodes).await > 0).await;
        drop(stream);
        unlock(&locks).await;
        strangers_read_nothing(&app, &people).await;
    }
    for unseen in &mut people {
        unseen.reads_its_own_note().await;
    }
}

async fn strangers_read_nothing(app: &App, people: &[Unseen]) {
    for unseen in people {
        let token = made_up_token(unseen.tenant_id);
        let answer = app.answer_retrying(Call::new("GET", "/api/notes").bearer(&token)).await.expect(401);
        assert!(!answer.text().contains("of the"), "{}", answer.text());
    }
}

/// What a connection has for the tenant and for the user.
async fn settings(client: &Client) -> Vec<String> {
    let question = "SELECT coalesce(current_setting('app.tenant_id', true), ''),
                           coalesce(current_setting('app.user_id', true), '')";
    let answer = client.simple_query(question).await.expect("settings");
    let row = answer.iter().find_map(|part| match part {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    (0..2).map(|column| row.expect("a row").get(column).expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn the_settings_of_a_message_end_with_it_also_when_it_fails_or_is_cancelled() {
    let client = as_role("pigeonhole_app").await;
    let message = |last: &str| {
        format!("SET LOCAL app.tenant_id = '7'; SELECT set_config('app.user_id', '70', true); {last}")
    };
    client.simple_query(&message("SELECT 1")).await.expect("an answer");
    assert_eq!(settings(&client).await, ["", ""]);
    client.simple_query(&message("SELECT 1 / 0")).await.expect_err("a failure");
    assert_eq!(settings(&client).await, ["", ""]);
    let waiting = message("SELECT pg_sleep(60)");
    let cancel = async {
        eventually("the message waits", async || {
            let sleeping = "SELECT count(*) FROM pg_stat_activity
                            WHERE wait_event = 'PgSleep' AND query = $1";
            database::number(sleeping, &[&waiting]).await > 0
        })
        .await;
        client.cancel_token().cancel_query(NoTls).await.expect("cancelled");
    };
    let (answer, ()) = tokio::join!(client.simple_query(&waiting), cancel);
    answer.expect_err("it was cancelled");
    assert_eq!(settings(&client).await, ["", ""]);
}
