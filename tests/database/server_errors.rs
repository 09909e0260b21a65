//! Errors that PostgreSQL itself reports: disk full, too many connections, serialization failure, deadlock.
//! Always on plain PostgreSQL, since the error has to come from one known server.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio_postgres::Client;

use super::failures::{assert_unavailable, recovers};
use crate::support::command::CommandOutput;
use crate::support::database::connect;
use crate::support::postgres::Postgres;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Call, Person, Script, run_blocking};

const WEB_PASSWORD: &str = "a password of the web's own";

struct ServerErrorFixture {
    app: App,
    admin: Client,
    script: Script,
    person: Person,
    _server: Server,
    _postgres: Postgres,
}

impl ServerErrorFixture {
    /// The server connects as a login with a connection limit, which a superuser would bypass.
    async fn create() -> Self {
        let postgres = run_blocking(Postgres::start).await;
        let builder =
            ServerBuilder::new().set("DATABASE_URL", &postgres.url).set("WEB_PASSWORD", WEB_PASSWORD);
        let migrated: CommandOutput = run_blocking(move || builder.run("migrate")).await;
        assert_eq!(migrated.code, Some(0), "{}", migrated.output);
        let mut url = url::Url::parse(&postgres.url).expect("a URL");
        url.set_username("pigeonhole_web").expect("a user");
        url.set_password(Some(WEB_PASSWORD)).expect("a password");
        let builder = ServerBuilder::new().set("DATABASE_URL", url).set("WORKER", "off");
        let server = builder.start_async().await;
        let app = App::of(&server);
        let person = Person::founder(&app).await;
        let script = person.script(&app).await;
        let admin = connect(&postgres.url).await;
        Self { app, admin, script, person, _server: server, _postgres: postgres }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, path).bearer(&self.script.token)
    }

    fn write(&self, content: &str) -> Call {
        self.call("POST", "/api/notes").json(&json!({"content": content}))
    }

    /// The next `times` writes to notes fail with this SQLSTATE. A sequence counts them, since a rollback
    /// does not undo it.
    async fn refuse(&self, state: &str, times: i64) {
        let statement = format!(
            "CREATE SEQUENCE IF NOT EXISTS tries;
             ALTER SEQUENCE tries RESTART;
             CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                 IF nextval('tries') <= {times} THEN RAISE 'not now' USING ERRCODE = '{state}'; END IF;
                 RETURN coalesce(NEW, OLD); END $$;
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE
             OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION refuse()"
        );
        self.admin.batch_execute(&statement).await.expect("a trigger");
    }

    async fn tries(&self) -> i64 {
        self.admin.query_one("SELECT last_value FROM tries", &[]).await.expect("the tries").get(0)
    }

    async fn stored(&self) -> Vec<String> {
        let rows = self.admin.query("SELECT content FROM notes ORDER BY id", &[]).await.expect("the notes");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test]
async fn a_full_disk_is_503_for_writes_and_reads_succeed() {
    let fixture = ServerErrorFixture::create().await;
    let browser = fixture.person.browser(&fixture.app).await;
    let id = fixture.script.note("first").await;
    let note = format!("/api/notes/{id}");
    fixture.refuse("53100", i64::MAX).await;
    let put = fixture.call("PUT", &note).json(&json!({"content": "second"}));
    for (shown, call) in
        [("POST", fixture.write("second")), ("PUT", put), ("DELETE", fixture.call("DELETE", &note))]
    {
        let answer = fixture.app.answer(call).await;
        assert_unavailable(&answer, shown);
        answer.expect_problem(503);
    }
    let page = browser.post("/notes", &[("content", "second")]).await;
    assert_unavailable(&page, "the form");
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(fixture.script.read(id).await["content"], "first");
    assert!(browser.page("/notes").await.text().contains("first"));
    fixture.app.get("/readyz").await.expect(200);
    assert_eq!(fixture.stored().await, ["first"]);
    fixture.refuse("53100", 0).await;
    fixture.app.answer(fixture.write("second")).await.expect(201);
    assert_eq!(fixture.stored().await, ["first", "second"]);
}

#[tokio::test]
async fn requests_without_a_connection_are_503_and_others_succeed() {
    const LIMIT: usize = 4;
    const WRITERS: usize = 12;
    let mut fixture = ServerErrorFixture::create().await;
    fixture.script.note("first").await;
    let limit = format!("ALTER ROLE pigeonhole_web_app CONNECTION LIMIT {LIMIT}");
    fixture.admin.batch_execute(&limit).await.expect("a limit");
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'pigeonhole_web_app'";
    fixture.admin.query_one(cut, &[]).await.expect("no connections");
    recovers(&fixture.app, fixture.call("GET", "/api/notes"), 200).await;

    // Writers with a connection wait for this lock, so all connections are taken.
    let calls: Vec<Call> = (0..WRITERS).map(|number| fixture.write(&format!("note {number}"))).collect();
    let lock = fixture.admin.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE notes IN SHARE MODE").await.expect("a lock");
    let mut writing: FuturesUnordered<_> =
        calls.into_iter().map(|call| fixture.app.answer_owned(call)).collect();
    for refused in 0..WRITERS - LIMIT {
        let answer = writing.next().await.expect("an answer");
        assert_unavailable(&answer, &format!("writer {refused}"));
        answer.expect_problem(503);
    }
    assert!(fixture.app.log().contains("too many connections for role"), "{}", fixture.app.log());
    lock.rollback().await.expect("no lock");
    let mut written = 0;
    while let Some(answer) = writing.next().await {
        match answer.status {
            201 => written += 1,
            _ => assert_unavailable(&answer, "a writer that waited"),
        }
    }
    assert_eq!(fixture.stored().await.len(), 1 + written);
    // A single request finds a connection even at the limit.
    recovers(&fixture.app, fixture.call("GET", "/api/notes"), 200).await;
    recovers(&fixture.app, fixture.write("alone"), 201).await;
    fixture.admin.batch_execute("ALTER ROLE pigeonhole_web_app CONNECTION LIMIT -1").await.expect("no limit");
    let all = (0..WRITERS).map(|number| fixture.app.answer(fixture.write(&format!("later {number}"))));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(201);
    }
}

#[tokio::test]
async fn serialization_failures_are_retried_three_times_and_then_503() {
    let fixture = ServerErrorFixture::create().await;
    for state in ["40001", "40P01"] {
        let before = fixture.stored().await.len();
        fixture.refuse(state, 3).await;
        fixture.app.answer(fixture.write(state)).await.expect(201);
        assert_eq!(fixture.tries().await, 4, "{state}");
        assert_eq!(fixture.stored().await.len(), before + 1, "{state}: written once");
        fixture.refuse(state, i64::MAX).await;
        let answer = fixture.app.answer(fixture.write(state)).await;
        assert_unavailable(&answer, state);
        answer.expect_problem(503);
        assert_eq!(fixture.tries().await, 4, "{state}");
        assert_eq!(fixture.stored().await.len(), before + 1, "{state}: a refused write was done");
        assert_eq!(
            fixture.script.get("/api/notes").await.expect(200).json().as_array().expect("a list").len(),
            before + 1
        );
    }
}
