//! A rolling restart of two servers on one database, behind a proxy that retries on the other server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use reqwest::Client;
use serde_json::json;

use crate::support::postgres::free_port;
use crate::support::server::ServerBuilder;
use crate::support::{Answer, App, Call, Person, database, http, names, spawn_app, unique};

const CLIENTS: usize = 6;

/// Sends a call to one of two servers, and to the other one if the first did not answer.
#[derive(Clone)]
struct Proxy {
    servers: [String; 2],
    http: Client,
}

/// When a call may be retried on the other server.
#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// After any connection error: the call may be executed twice.
    Always,
    /// Only if no connection was established, so the call was not executed.
    WhenRefused,
}

impl Proxy {
    async fn answer(&self, first: usize, again: Again, call: &Call) -> Result<Answer, String> {
        let error = match call.try_send(&self.http, &self.servers[first % 2]).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if again == Again::WhenRefused && !error.is_connect() {
            return Err(format!("broke off: {error:?}"));
        }
        call.try_send(&self.http, &self.servers[(first + 1) % 2])
            .await
            .map_err(|other| format!("neither server: {error:?}, {other:?}"))
    }
}

/// Writes and reads in turn until `stop` is set; returns the acknowledged texts. Any other answer than 201
/// and 200 fails the test.
async fn write_and_read(
    proxy: Proxy,
    authorization: String,
    name: String,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut turn = 0;
    while !stop.load(Relaxed) {
        turn += 1;
        let text = format!("{name}-{turn}");
        let write = Call::new("POST", "/api/notes")
            .header("authorization", &authorization)
            .json(&json!({"content": text}));
        let (write, again) = if turn % 2 == 0 {
            (write.header("idempotency-key", &text), Again::Always)
        } else {
            (write, Again::WhenRefused)
        };
        let written =
            proxy.answer(turn, again, &write).await.unwrap_or_else(|error| panic!("writing {text}: {error}"));
        assert_eq!(written.status, 201, "{text}: {}", written.text());
        acknowledged.push(text);
        let read = Call::new("GET", "/api/notes").header("authorization", &authorization);
        let read = proxy
            .answer(turn + 1, Again::Always, &read)
            .await
            .unwrap_or_else(|error| panic!("reading: {error}"));
        assert_eq!(read.status, 200, "{}", read.text());
    }
    acknowledged
}

#[tokio::test]
async fn no_request_fails_during_a_rolling_restart() {
    spawn_app().await;
    let key = names::secret_key();
    let builder =
        |port: u16| ServerBuilder::new().set("BIND", format!("127.0.0.1:{port}")).set("SECRET_KEY", &key);
    let ports = [free_port(), free_port()];
    let mut servers = vec![builder(ports[0]).start_async().await, builder(ports[1]).start_async().await];
    let app = App::of(&servers[0]);
    let person = Person::founder(&app).await;
    let authorization = format!("Bearer {}", person.script(&app).await.token);
    let client =
        http::client().pool_max_idle_per_host(0).timeout(Duration::from_secs(60)).build().expect("a client");
    let proxy = Proxy { servers: ports.map(|port| format!("http://127.0.0.1:{port}")), http: client };
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            tokio::spawn(write_and_read(
                proxy.clone(),
                authorization.clone(),
                unique("note"),
                Arc::clone(&stop),
            ))
        })
        .collect();

    for round in 0..4 {
        let before = database::note_count(person.tenant_id).await;
        let server = servers.remove(0);
        let code = server.stop_async().await;
        assert_eq!(code, 0, "round {round}");
        servers.push(builder(ports[round % 2]).start_async().await);
        // Wait for new notes before the next server is stopped.
        while database::note_count(person.tenant_id).await < before + 20 {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client gave up in round {round}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, Relaxed);
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.expect("no failed request"));
    }
    let client = database::admin().await;
    let rows = client
        .query("SELECT content FROM notes WHERE tenant_id = $1", &[&person.tenant_id])
        .await
        .expect("the notes");
    let mut stored: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    stored.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(stored, acknowledged);
}
