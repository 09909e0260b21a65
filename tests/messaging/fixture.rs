//! A separate database with servers and workers on it, and three users of one tenant.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::command::CommandOutput;
use crate::support::database::OwnDatabase;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App, Call, Person, Script, TIMEOUT, eventually, http, run_blocking, unique};

/// After this time a message counts as lost by the broker. Publishing it twice is harmless.
const MAY_BE_LOST_AFTER: Duration = Duration::from_secs(20);

pub struct MessagingFixture {
    pub database: OwnDatabase,
    pub admin: Client,
}

pub struct People {
    pub author: Person,
    pub readers: [Person; 2],
    pub script: Script,
}

impl MessagingFixture {
    pub async fn create() -> Self {
        let database = OwnDatabase::create().await;
        let admin = database.client().await;
        Self { database, admin }
    }

    pub fn builder(&self) -> ServerBuilder {
        ServerBuilder::new().set("DATABASE_URL", &self.database.url)
    }

    /// A server that does not process the outbox.
    pub async fn web(&self) -> (Server, App) {
        start(self.builder().set("WORKER", "off")).await
    }

    /// A worker, without a broker when `amqp_url` is empty.
    pub async fn worker(&self, amqp_url: &str) -> Server {
        start(self.builder().set("AMQP_URL", amqp_url).set("RUST_LOG", "info,pigeonhole=debug").worker())
            .await
            .0
    }

    pub async fn people(&self, app: &App) -> People {
        let author = Person::founder(app).await;
        let open = "UPDATE shared.tenants SET join_policy = 'open' WHERE id = $1";
        self.admin.execute(open, &[&author.tenant_id]).await.expect("an open tenant");
        let mut readers = Vec::new();
        for _ in 0..2 {
            readers.push(Person::registered(app, &author.tenant_name).await);
        }
        let script = author.script(app).await;
        let readers = readers.try_into().expect("two people");
        People { author, readers, script }
    }

    pub async fn number(&self, sql: &str, tenant: i64) -> i64 {
        self.admin.query_one(sql, &[&tenant]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }

    /// How many messages of the tenant are in this state, without `catch_up` messages of new members.
    pub async fn messages(&self, tenant: i64, state: &str) -> i64 {
        let condition = match state {
            "acknowledged" => "acknowledged_at IS NOT NULL",
            "failed" => "failed_at IS NOT NULL",
            "published" => "published_at IS NOT NULL AND acknowledged_at IS NULL AND failed_at IS NULL",
            _ => "published_at IS NULL AND acknowledged_at IS NULL AND failed_at IS NULL",
        };
        self.number(
            &format!(
                "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND route <> 'catch_up' AND {condition}"
            ),
            tenant,
        )
        .await
    }

    pub async fn inbox_rows(&self, tenant: i64) -> i64 {
        self.number("SELECT count(*) FROM shared_notes WHERE tenant_id = $1", tenant).await
    }

    /// Waits until this many messages of the tenant are in this state.
    pub async fn wait_until(&self, tenant: i64, state: &str, count: i64) {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while self.messages(tenant, state).await != count {
            if tokio::time::Instant::now() > end {
                let mut found = Vec::new();
                for state in ["pending", "published", "acknowledged", "failed"] {
                    found.push((state, self.messages(tenant, state).await));
                }
                panic!("not within {TIMEOUT:?}: {count} messages that are {state}, but {found:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until this many messages are acknowledged after the broker was killed. The broker may lose
    /// confirmed messages. The relay publishes them again after five minutes, which this shortens.
    pub async fn wait_until_acknowledged_after_crash(&self, tenant: i64, count: i64) {
        let end = tokio::time::Instant::now() + MAY_BE_LOST_AFTER;
        while tokio::time::Instant::now() < end {
            if self.messages(tenant, "acknowledged").await == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let hurry = "UPDATE outbox SET due_at = now() WHERE tenant_id = $1 AND published_at IS NOT NULL \
            AND acknowledged_at IS NULL";
        let lost = self.admin.execute(hurry, &[&tenant]).await.expect("hurry");
        eprintln!("the broker lost {lost} messages that it had confirmed; they are published again");
        self.wait_until(tenant, "acknowledged", count).await;
    }

    /// Writes a message that every handler fails on, and returns its id.
    pub async fn insert_poison_message(&self, person: &Person) -> i64 {
        let sql =
            "INSERT INTO outbox (tenant_id, route, user_id) VALUES ($1, 'insert_to_shared', $2) RETURNING id";
        self.admin.query_one(sql, &[&person.tenant_id, &person.user_id]).await.expect("poison").get(0)
    }

    /// Waits until the message has failed for good, and skips the pauses between its attempts.
    pub async fn wait_until_failed(&self, tenant: i64, message: i64) {
        let hurry = "UPDATE outbox SET due_at = now() WHERE tenant_id = $1 AND id = $2
            AND failed_at IS NULL AND due_at > now()
                     AND attempts > 0 AND published_at IS NULL";
        eventually("given up", async || {
            self.admin.execute(hurry, &[&tenant, &message]).await.expect("hurry");
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.messages(tenant, "failed").await == 1
        })
        .await;
    }

    /// The output of `pigeonhole messages … --json`.
    pub async fn command(&self, amqp_url: &str, arguments: &[&str]) -> Value {
        let ran = self.run(amqp_url, arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.output);
        // The supervisor's first line holds the process id.
        let json = ran.output.split_once('\n').map_or("", |(_, json)| json);
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {}", ran.output))
    }

    pub async fn run(&self, amqp_url: &str, arguments: &[&str]) -> CommandOutput {
        let arguments: Vec<&str> = arguments.iter().chain(&["--json"]).copied().collect();
        let builder = self.builder().set("AMQP_URL", amqp_url).set("RUST_LOG", "off").arguments(&arguments);
        run_blocking(move || builder.run("messages")).await
    }
}

impl People {
    pub fn tenant(&self) -> i64 {
        self.author.tenant_id
    }

    pub async fn share(&self) -> Answer {
        self.share_preferring("").await
    }

    pub async fn share_preferring(&self, preference: &str) -> Answer {
        let readers: Vec<i64> = self.readers.iter().map(|reader| reader.user_id).collect();
        let body = json!({"content": unique("shared "), "share_with": readers});
        let call = Call::new("POST", "/api/notes").json(&body);
        self.script.answer(if preference.is_empty() { call } else { call.header("prefer", preference) }).await
    }
}

async fn start(builder: ServerBuilder) -> (Server, App) {
    let server = builder.start_async().await;
    let app = if server.base.is_empty() { None } else { Some(App::of(&server)) };
    let app = app.unwrap_or_else(|| App {
        base: String::new(),
        address: "127.0.0.1:9".parse().expect("an address"),
        http: http::client().build().expect("a client"),
        log: server.log_path().to_owned(),
    });
    (server, app)
}
