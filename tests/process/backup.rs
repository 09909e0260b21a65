//! The backup of docs/operations.md: its commands run as they stand there, and what a restored server has.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::json;
use tokio_postgres::Client;

use crate::support::data_folder::DataFolder;
use crate::support::database::connect;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Browser, Call, Person, Script, environment, eventually, run_blocking};

const GUIDE: &str = include_str!("../../docs/operations.md");

/// The command of the guide's section Backup that begins with these words.
fn documented(begin: &str) -> &'static str {
    let (_, section) = GUIDE.split_once("\n## Backup\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("the end of the section");
    let mut found = section.lines().filter(|line| line.starts_with(begin));
    let command = found.next().unwrap_or_else(|| panic!("the guide has no {begin}"));
    assert!(found.next().is_none(), "the guide has {begin} twice");
    command
}

/// Runs a command of the guide in `work`. Its /new/folder is `new`.
async fn run(begin: &str, work: &tempfile::TempDir, old: &DataFolder, new: &DataFolder) {
    let path = |folder: &DataFolder| folder.path.to_str().expect("a path").to_owned();
    let parent = new.path.parent().and_then(|parent| parent.to_str()).expect("a parent");
    let command =
        documented(begin).replace("/new/folder", &path(new)).replace("/new ", &format!("{parent} "));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-ec", &command]).current_dir(work.path()).env_clear().env("DATA_DIR", path(old));
    shell.env("PATH", format!("{}:/usr/bin:/bin", environment::postgres_bin().display()));
    let output = run_blocking(move || shell.output().expect("a shell")).await;
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// With the key that the first start makes, as for an operator.
fn builder(folder: &DataFolder) -> ServerBuilder {
    folder.builder(&[]).without("SECRET_KEY")
}

async fn start(builder: ServerBuilder) -> (Server, App) {
    let server = builder.start_async().await;
    let app = App::of(&server);
    (server, app)
}

/// As the superuser, through the socket.
async fn superuser(folder: &DataFolder) -> Client {
    connect(&format!("host={} user=postgres dbname=pigeonhole", folder.path.join("run").display())).await
}

async fn number(client: &Client, statement: &str) -> i64 {
    client.query_one(statement, &[]).await.expect(statement).get(0)
}

/// The number of rows of every table, and a hash of them.
async fn tables(client: &Client) -> BTreeMap<String, (i64, String)> {
    let names = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
        WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'";
    let mut found = BTreeMap::new();
    for row in client.query(names, &[]).await.expect("the tables") {
        let table: String = row.get(0);
        let rows = format!(
            "SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') \
             FROM {table} t"
        );
        let row = client.query_one(&rows, &[]).await.expect(&rows);
        found.insert(table, (row.get(0), row.get(1)));
    }
    found
}

/// Two organizations, and what the first one has.
struct Organizations {
    owner: Person,
    reader: Person,
    stranger: Person,
    browser: Browser,
    owners: Script,
    readers: Script,
    strangers: Script,
}

impl Organizations {
    /// With a delivered share, a history, an idempotency key, an invitation with uses left, sessions and a
    /// failed login.
    async fn create(app: &App) -> Self {
        let (owner, stranger) = (Person::founder(app).await, Person::founder(app).await);
        let owners = owner.script(app).await;
        let invitation = json!({"role": "member", "uses": 3});
        let invitation = owners.post("/api/invitations", &invitation).await.expect(201).json();
        let token = invitation["token"].as_str().expect("a token");
        let reader = Person::invited(app, &owner.tenant_name, token).await;
        let (readers, strangers) = (reader.script(app).await, stranger.script(app).await);
        strangers.note("of the other organization").await;
        let body = json!({"content": "delivered before", "share_with": [reader.user_id]});
        let note = owners.post("/api/notes", &body).await.expect(201).json()["note_id"].clone();
        owners.put(&format!("/api/notes/{note}"), &json!({"content": "delivered, edited"})).await.expect(200);
        eventually("the share is delivered", async || readers.inbox().await.len() == 1).await;
        let wrong = json!({"username": owner.username, "password": "a wrong password"});
        app.answer_retrying(Call::new("POST", "/api/login").json(&wrong)).await.expect_problem(401);
        let browser = owner.browser(app).await;
        Self { owner, reader, stranger, browser, owners, readers, strangers }
    }

    /// The same logins at another process.
    fn at(&self, app: &App) -> Self {
        let script = |script: &Script| Script { app: app.clone(), token: script.token.clone() };
        Self {
            owner: self.owner.clone(),
            reader: self.reader.clone(),
            stranger: self.stranger.clone(),
            browser: self.browser.copy_at(app),
            owners: script(&self.owners),
            readers: script(&self.readers),
            strangers: script(&self.strangers),
        }
    }

    /// Shares a note with the reader under an idempotency key; the same again answers with the same note.
    async fn share(&self) -> i64 {
        let body = json!({"content": "waits for its delivery", "share_with": [self.reader.user_id]});
        let call =
            Call::new("POST", "/api/notes").json(&body).header("idempotency-key", "kept-in-the-backup");
        self.owners.answer(call).await.expect(201).json()["note_id"].as_i64().expect("a note's id")
    }
}

const WAITING: &str = "SELECT count(*) FROM outbox WHERE acknowledged_at IS NULL AND failed_at IS NULL";

/// Dumps the database of the running server. Returns its tables, which stay the same meanwhile.
async fn dump(
    work: &tempfile::TempDir,
    old: &DataFolder,
    new: &DataFolder,
) -> BTreeMap<String, (i64, String)> {
    let client = superuser(old).await;
    for _ in 0..5 {
        let before = tables(&client).await;
        run("pg_dump", work, old, new).await;
        if before == tables(&client).await {
            return before;
        }
    }
    panic!("the tables change all the time");
}

#[tokio::test]
async fn a_dump_is_restored_with_every_row_login_and_waiting_share() {
    let (old, new) = (DataFolder::new(), DataFolder::new());
    let work = tempfile::tempdir().expect("a folder");
    let (server, app) = start(builder(&old)).await;
    let before = Organizations::create(&app).await;
    assert_eq!(server.stop_async().await, 0);
    let (server, app) = start(builder(&old).set("WORKER", "off")).await;
    let waiting = before.at(&app).share().await;
    assert_eq!(number(&superuser(&old).await, WAITING).await, 1);
    let expected = dump(&work, &old, &new).await;
    run("cp -p \"$DATA_DIR/secret_key\"", &work, &old, &new).await;
    assert_eq!(server.stop_async().await, 0);
    for (table, least) in [("notes", 3), ("shared.users", 3), ("sessions", 4), ("note_revisions", 1)] {
        assert!(expected[table].0 >= least, "{table}: {:?}", expected[table]);
    }

    // It would deliver the waiting share before the tables are compared.
    let (server, _) = start(builder(&new).set("WORKER", "off")).await;
    run("pg_restore", &work, &old, &new).await;
    let restored = tables(&superuser(&new).await).await;
    assert_eq!(restored.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (table, rows) in &restored {
        assert_eq!(Some(rows), expected.get(table), "{table}");
    }
    run("cp -p secret_key", &work, &old, &new).await;
    assert_eq!(server.stop_async().await, 0);

    // This start refuses a schema without row-level security.
    let (server, app) = start(builder(&new)).await;
    let after = before.at(&app);
    logins_work(&after).await;
    the_waiting_share_arrives_once(&new, &after, waiting).await;
    tenants_are_isolated(&new, &after, waiting).await;
    assert_eq!(server.stop_async().await, 0);
}

async fn logins_work(after: &Organizations) {
    assert!(after.browser.is_logged_in().await, "the cookie of before");
    after.owners.get("/api/notes").await.expect(200);
    after.owner.browser(&after.owners.app).await;
    after.reader.script(&after.owners.app).await.get("/api/inbox").await.expect(200);
}

async fn the_waiting_share_arrives_once(new: &DataFolder, after: &Organizations, waiting: i64) {
    let client = superuser(new).await;
    eventually("the waiting share is delivered", async || number(&client, WAITING).await == 0).await;
    let inbox = after.readers.inbox().await;
    assert_eq!(inbox.len(), 2, "{inbox:?}");
    assert_eq!(number(&client, "SELECT count(*) FROM shared_notes").await, 2);
    assert_eq!(number(&client, "SELECT count(*) FROM outbox WHERE failed_at IS NOT NULL").await, 0);
    assert_eq!(after.share().await, waiting, "the idempotency key is not known any more");
    let largest = number(&client, "SELECT max(id) FROM notes").await;
    assert!(after.owners.note("written after the restore").await > largest);
}

async fn tenants_are_isolated(new: &DataFolder, after: &Organizations, note: i64) {
    after.strangers.get(&format!("/api/notes/{note}")).await.expect_problem(404);
    let client = superuser(new).await;
    let role = "SET ROLE pigeonhole_app";
    client.batch_execute(role).await.expect(role);
    let tenant = |id: i64| format!("SET app.tenant_id = '{id}'");
    client.batch_execute(&tenant(after.stranger.tenant_id)).await.expect("a tenant");
    assert_eq!(number(&client, "SELECT count(*) FROM notes").await, 1);
    assert_eq!(number(&client, &format!("SELECT count(*) FROM notes WHERE id = {note}")).await, 0);
    client.batch_execute(&tenant(after.owner.tenant_id)).await.expect("a tenant");
    assert_eq!(number(&client, "SELECT count(*) FROM notes").await, 3);
}

#[tokio::test]
async fn a_copy_of_a_stopped_data_folder_starts_elsewhere() {
    let (old, new) = (DataFolder::new(), DataFolder::new());
    let work = tempfile::tempdir().expect("a folder");
    let (server, app) = start(builder(&old)).await;
    let before = Organizations::create(&app).await;
    let waiting = before.share().await;
    let client = superuser(&old).await;
    eventually("the share is delivered", async || number(&client, WAITING).await == 0).await;
    let expected = tables(&client).await;
    drop(client);
    assert_eq!(server.stop_async().await, 0);
    run("tar -C \"$(", &work, &old, &new).await;
    run("tar -C /new", &work, &old, &new).await;

    let (server, app) = start(builder(&new).set("WORKER", "off")).await;
    assert_eq!(tables(&superuser(&new).await).await, expected);
    let after = before.at(&app);
    logins_work(&after).await;
    the_waiting_share_arrives_once(&new, &after, waiting).await;
    tenants_are_isolated(&new, &after, waiting).await;
    assert_eq!(server.stop_async().await, 0);
}
