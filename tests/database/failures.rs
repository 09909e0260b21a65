//! A database that is slow, locked or read-only, or terminates connections.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Answer, App, Call, Person,
    database::OwnDatabase,
    eventually, raw_http, retry_until_ok,
    server::{Server, ServerBuilder},
    within_timeout,
};

/// A server that sends every statement to the coordinator, which these tests disturb.
pub fn on(database: &OwnDatabase) -> ServerBuilder {
    ServerBuilder::new().set("DATABASE_URL", &database.url).set("TENANT_ROUTING", "off")
}

/// A 503 with Retry-After and without text of the database driver.
#[track_caller]
pub fn assert_unavailable(answer: &Answer, shown: &str) {
    assert_eq!(answer.status, 503, "{shown}: {}", String::from_utf8_lossy(&answer.body));
    let wait: u64 = answer.header("retry-after").parse().unwrap_or(0);
    assert!(wait >= 1, "{shown}: Retry-After {:?}", answer.header("retry-after"));
    assert_no_driver_text(answer, shown);
}

#[track_caller]
pub fn assert_no_driver_text(answer: &Answer, shown: &str) {
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    for word in [
        "sqlstate",
        "postgres",
        "tokio",
        "db error",
        "connection refused",
        "os error",
        "deadpool",
        "src/",
        "pg_",
    ] {
        assert!(!body.contains(word), "{shown} tells of {word}: {body}");
    }
}

/// Waits until this call succeeds. The server is not restarted.
pub async fn recovers(app: &App, call: Call, status: u16) {
    retry_until_ok(async || {
        let Ok(answer) = call.try_send(&app.http, &app.base).await else {
            return Err(format!("{} has no answer", call.path));
        };
        if answer.status == status {
            return Ok(());
        }
        assert!(matches!(answer.status, 503 | 429), "{} while recovering: {}", answer.status, answer.text());
        Err(format!("{} {} stays {}", call.method, call.path, answer.status))
    })
    .await;
}

pub async fn start(builder: ServerBuilder) -> (Server, App, Person) {
    let server = builder.start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    (server, app, person)
}

#[tokio::test]
async fn requests_blocked_by_locks_are_503_and_succeed_after_the_release() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database).set("POOL_SIZE", "4")).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let id = script.note("first").await;
    let mut client = database.client().await;
    let lock = client.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE").await.expect("a lock");

    let waiting = (0..12).map(|number| {
        let (script, app) = (script.clone(), app.clone());
        async move {
            let call = match number % 3 {
                0 => Call::new("GET", "/api/notes"),
                1 => Call::new("POST", "/api/notes").json(&json!({"content": "lost?"})),
                _ => Call::new("PUT", &format!("/api/notes/{id}")).json(&json!({"content": "x"})),
            };
            let answer = within_timeout("an answer", script.answer(call)).await;
            app.get("/livez").await.expect(200);
            (number, answer)
        }
    });
    for (number, answer) in futures_util::future::join_all(waiting).await {
        assert_unavailable(&answer, &format!("call {number}"));
        answer.expect_problem(503);
    }
    let page = browser.get("/notes").await;
    assert_unavailable(&page, "the page");
    assert!(page.header("content-type").starts_with("text/html"));
    lock.rollback().await.expect("the lock is gone");

    let list = Call::new("GET", "/api/notes").bearer(&script.token);
    recovers(&app, list, 200).await;
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!(notes.as_array().expect("a list").len(), 1, "a refused write was done");
    assert_eq!(notes[0]["version"], 1);
}

#[tokio::test]
async fn a_read_only_database_serves_reads_and_writes_are_503() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database)).await;
    let script = person.script(&app).await;
    script.note("first").await;
    let client = database.client().await;
    let name = &database.name;
    client
        .batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await
        .expect("read-only");
    cut_connections(&client, name).await;
    let write = Call::new("POST", "/api/notes").json(&json!({"content": "second"})).bearer(&script.token);
    let read = Call::new("GET", "/api/notes").bearer(&script.token);
    recovers(&app, read, 200).await;
    for _ in 0..20 {
        let answer = app.answer(write.clone()).await;
        assert_unavailable(&answer, "a write");
    }
    client
        .batch_execute(&format!(
            "BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"
        ))
        .await
        .expect("writable");
    cut_connections(&client, name).await;
    recovers(&app, write, 201).await;
}

async fn cut_connections(client: &tokio_postgres::Client, database: &str) {
    client
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            &[&database],
        )
        .await
        .expect("connections are cut");
}

#[tokio::test]
async fn terminated_connections_are_replaced() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database).set("POOL_SIZE", "4")).await;
    let script = person.script(&app).await;
    let client = database.client().await;
    for round in 0..3 {
        let reads = (0..8).map(|_| script.get("/api/notes"));
        for answer in futures_util::future::join_all(reads).await {
            answer.expect(200);
        }
        cut_connections(&client, &database.name).await;
        let mut failed = 0;
        for _ in 0..12 {
            let answer = script.get("/api/notes").await;
            match answer.status {
                200 => {}
                503 => failed += 1,
                other => panic!("{other} in round {round}: {}", answer.text()),
            }
        }
        assert!(failed <= 4, "{failed} failures for four connections");
    }
}

#[tokio::test]
async fn a_pool_of_one_connection_never_mixes_tenants() {
    let database = OwnDatabase::create().await;
    let (_server, app, first) = start(on(&database).set("POOL_SIZE", "1")).await;
    let second = Person::founder(&app).await;
    let scripts = [first.script(&app).await, second.script(&app).await];
    let mut own = [scripts[0].note("of 0").await, scripts[1].note("of 1").await];
    own.sort_unstable();
    for round in 0..40 {
        let script = &scripts[round % 2];
        let expected = format!("of {}", round % 2);
        let list = script.get("/api/notes").await.expect(200).json();
        assert_eq!(list.as_array().expect("a list").len(), 1, "{list}");
        assert_eq!(list[0]["content"], expected);
        for id in own {
            let answer = script.get(&format!("/api/notes/{id}")).await;
            assert!(matches!(answer.status, 200 | 404));
            if answer.status == 200 {
                assert_eq!(answer.json()["content"], expected);
            }
        }
        script.post("/api/notes", &json!({"content": ""})).await.expect(422);
        let body = json!({
            "username": first.username, "password": "testpass", "tenant_name": first.tenant_name,
        });
        if round % 10 == 0 {
            let refused = app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await;
            assert!((400..500).contains(&refused.status));
        }
    }
}

#[tokio::test]
async fn disconnected_clients_leave_no_open_transaction() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database).set("POOL_SIZE", "4")).await;
    let script = person.script(&app).await;
    let host = app.base.trim_start_matches("http://").to_owned();
    for round in 0..300 {
        let body = r#"{"content": "from a client that went away"}"#;
        let (method, extra) = if round % 2 == 0 {
            ("GET", String::new())
        } else {
            let length = body.len();
            ("POST", format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"))
        };
        let head = format!(
            "{method} /api/notes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n{extra}\r\n",
            script.token
        );
        let request = if method == "POST" { head + body } else { head };
        let mut stream = tokio::net::TcpStream::connect(app.address).await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
        if round % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let client = database.client().await;
    let idle = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    eventually("no transaction is left open", async || {
        let left: i64 = client.query_one(idle, &[]).await.expect("a count").get(0);
        left == 0
    })
    .await;
    // A leaked connection would be missing in every round.
    eventually("as many reads at once as before", async || {
        let reads = (0..16).map(|_| script.get("/api/notes"));
        futures_util::future::join_all(reads).await.iter().all(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_broken_schema_is_500_with_a_request_id_only() {
    let database = OwnDatabase::create().await;
    let (server, app, person) = start(on(&database)).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let client = database.client().await;
    client.batch_execute("ALTER TABLE notes RENAME COLUMN content TO gone").await.expect("broken");
    cut_connections(&client, &database.name).await;
    let mut answer = script.get("/api/notes").await;
    for _ in 0..50 {
        if answer.status != 503 {
            break;
        }
        answer = script.get("/api/notes").await;
    }
    assert_no_driver_text(&answer, "the API");
    assert!(!answer.text().contains("content\""), "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    answer.expect_problem(500);
    let page = browser.get("/notes").await.expect(500);
    assert_no_driver_text(&page, "the page");
    assert!(page.text().contains(page.header("x-request-id")));
    let log = server.log();
    assert!(log.contains(&id), "the log does not know {id}");
    client.batch_execute("ALTER TABLE notes RENAME COLUMN gone TO content").await.expect("mended");
    cut_connections(&client, &database.name).await;
    let list = Call::new("GET", "/api/notes").bearer(&script.token);
    recovers(&app, list, 200).await;
}

#[tokio::test]
async fn a_slow_request_body_times_out() {
    let database = OwnDatabase::create().await;
    let server = on(&database).start();
    let app = App::of(&server);
    let host = app.base.trim_start_matches("http://");
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 1000\r\n\r\nemail="
    );
    let mut stream = tokio::net::TcpStream::connect(app.address).await.expect("a connection");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer);
    // A reset connection counts as closed.
    let _ = within_timeout("the end of the connection", read).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(matches!(raw_http::status(&answer), 0 | 400 | 408), "{answer}");
}
