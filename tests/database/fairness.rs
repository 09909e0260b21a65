//! A tenant whose requests take all that they can get does not keep other tenants waiting.

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::failures::start;
use crate::support::database::{OwnDatabase, blocked};
use crate::support::server::ServerBuilder;
use crate::support::{App, Person, Script, eventually};

const POOL_SIZE: i64 = 8;
/// More than the pool has, and few enough to wait without being refused.
const CLIENTS: usize = 40;

/// A note of a tenant, locked by a connection of the test, so that every edit waits.
struct LockedNote {
    path: String,
    lock: tokio_postgres::Client,
}

impl LockedNote {
    async fn of(database: &OwnDatabase, tenant: i64, script: &Script) -> Self {
        let id = script.note("locked").await;
        let lock = database.client().await;
        lock.batch_execute("BEGIN").await.expect("a transaction");
        let update = "UPDATE notes SET version = version WHERE tenant_id = $1 AND id = $2";
        assert_eq!(lock.execute(update, &[&tenant, &id]).await.expect("a lock"), 1);
        Self { path: format!("/api/notes/{id}"), lock }
    }

    async fn release(self) {
        self.lock.batch_execute("ROLLBACK").await.expect("the lock is gone");
    }
}

fn builder(database: &OwnDatabase) -> ServerBuilder {
    ServerBuilder::new().set("DATABASE_URL", &database.url).set("POOL_SIZE", POOL_SIZE.to_string())
}

/// People of other tenants. On Citus some of these have the same node as any tenant.
async fn neighbours(app: &App) -> Vec<Script> {
    let mut scripts = Vec::new();
    for _ in 0..6 {
        scripts.push(Person::founder(app).await.script(app).await);
    }
    scripts
}

/// Edits a note that is locked, over so many connections, without end.
async fn edit_in_vain(script: &Script, note: &LockedNote, clients: usize) {
    join_all((0..clients).map(|_| async {
        loop {
            let answer = script.put(&note.path, &json!({"content": "x"})).await;
            assert_eq!(answer.status, 503, "{}", answer.text());
        }
    }))
    .await;
    unreachable!("the edits never end");
}

#[tokio::test]
async fn requests_of_a_tenant_that_all_hang_leave_those_of_other_tenants_alone() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(builder(&database)).await;
    let script = person.script(&app).await;
    let neighbours = neighbours(&app).await;
    let nodes = database.clients().await;
    let note = LockedNote::of(&database, person.tenant_id, &script).await;

    let others = async {
        eventually("edits wait for the lock", async || blocked(&nodes).await >= POOL_SIZE / 2).await;
        for _ in 0..8 {
            for neighbour in &neighbours {
                neighbour.get("/api/notes").await.expect(200);
                neighbour.note("beside them").await;
            }
            assert!(blocked(&nodes).await < POOL_SIZE, "the tenant took every connection");
        }
    };
    tokio::select! {
        () = edit_in_vain(&script, &note, CLIENTS) => {}
        () = others => {}
    }
    note.release().await;
}

#[tokio::test]
async fn statements_of_clients_that_went_away_count_until_the_database_has_finished_them() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(builder(&database)).await;
    let script = person.script(&app).await;
    let nodes = database.clients().await;
    let note = LockedNote::of(&database, person.tenant_id, &script).await;
    let request = format!(
        "PUT {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 15\r\n\r\n{{\"content\":\"x\"}}",
        note.path,
        app.base.trim_start_matches("http://"),
        script.token
    );

    let mut most = 0;
    for _ in 0..CLIENTS {
        let mut streams = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(app.address).await.expect("a connection");
            stream.write_all(request.as_bytes()).await.expect("sent");
            // A reset tells the server at once that the client has gone.
            stream.set_zero_linger().expect("a reset at the end");
            streams.push(stream);
        }
        most = most.max(blocked(&nodes).await);
        drop(streams);
        most = most.max(blocked(&nodes).await);
    }
    assert!(most > 0, "no edit waited for the lock");
    assert!(most < POOL_SIZE, "{most} statements at once");
    note.release().await;
    eventually("the tenant's requests succeed again", async || script.get("/api/notes").await.status == 200)
        .await;
}

#[tokio::test]
async fn a_call_that_waits_for_a_lock_takes_no_core_from_others() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(builder(&database).set("NODE_CONCURRENCY", "1")).await;
    let script = person.script(&app).await;
    let neighbours = neighbours(&app).await;
    let nodes = database.clients().await;
    let note = LockedNote::of(&database, person.tenant_id, &script).await;
    let others = async {
        eventually("two edits wait for the lock at once", async || blocked(&nodes).await == 2).await;
        for neighbour in &neighbours {
            neighbour.get("/api/notes").await.expect(200);
        }
    };
    tokio::select! {
        () = edit_in_vain(&script, &note, 2) => {}
        () = others => {}
    }
    note.release().await;
}
