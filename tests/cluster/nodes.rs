//! An empty database for one test on every Citus node, without the extension, dropped at the end.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::command::CommandOutput;
use crate::support::database::connect;
use crate::support::database_servers::{create_on, drop_everywhere, drop_on, server_activity};
use crate::support::postgres::Postgres;
use crate::support::spawn_app;

/// No command takes this long. A command that hangs fails the test with the activity of the servers.
const DEADLINE: Duration = Duration::from_secs(300);
static MOVES: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Held by a test that moves shards between the shared servers. A replication slot waits for every
/// transaction of its server, also of other databases, so two moves in opposite directions could wait for
/// each other for ever.
pub async fn lock_shard_moves() -> tokio::sync::MutexGuard<'static, ()> {
    MOVES.lock().await
}

/// The coordinator is first.
pub struct Nodes {
    pub addresses: Vec<String>,
    pub database: String,
    user: String,
}

#[allow(clippy::disallowed_methods, reason = "bin/test sets these variables")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Nodes {
    /// None where Citus is not installed.
    pub async fn create() -> Option<Self> {
        let addresses: Vec<String> = variable("TEST_CITUS_NODES")?.split(',').map(str::to_owned).collect();
        let url = url::Url::parse(&variable("TEST_DATABASE_URL")?).expect("TEST_DATABASE_URL is a URL");
        let mut number = [0_u8; 8];
        getrandom::fill(&mut number).expect("a random number");
        let database = format!("pigeonhole_cluster_{:x}", u64::from_le_bytes(number));
        let nodes = Self { addresses, database, user: url.username().to_owned() };
        // Roles belong to whole servers: the shared cluster must propagate them to its workers before a
        // database without Citus creates them on the coordinator alone.
        spawn_app().await;
        for index in 0..nodes.addresses.len() {
            nodes.make_database(index).await;
        }
        Some(nodes)
    }

    pub async fn make_database(&self, index: usize) {
        create_on(&self.url_of(index, "postgres"), &self.database).await;
    }

    pub async fn drop_database(&self, index: usize) {
        drop_on(&self.url_of(index, "postgres"), &self.database).await;
    }

    fn url_of(&self, index: usize, database: &str) -> String {
        format!("postgresql://{}@{}/{database}", self.user, self.addresses[index])
    }

    /// The superuser's URL of every server, the coordinator first.
    fn servers(&self) -> Vec<String> {
        (0..self.addresses.len()).map(|index| self.url_of(index, "postgres")).collect()
    }

    /// The superuser's URL of our database on a node.
    pub fn url(&self, index: usize) -> String {
        self.url_of(index, &self.database)
    }

    pub async fn client(&self, index: usize) -> Client {
        connect(&self.url(index)).await
    }

    /// A connection to the database `postgres` of a node.
    pub async fn client_of_postgres(&self, index: usize) -> Client {
        connect(&self.url_of(index, "postgres")).await
    }

    /// Runs a command of the program against the coordinator.
    pub async fn run(&self, words: &[&str]) -> CommandOutput {
        run_on(&self.url(0), words).await
    }

    /// Runs `cluster init` with these workers.
    pub async fn init(&self, workers: &[usize]) -> CommandOutput {
        let list: Vec<&str> = workers.iter().map(|index| self.addresses[*index].as_str()).collect();
        self.run(&["cluster", "init", "--workers", &list.join(",")]).await
    }

    /// The functions that requests call where the shards are exist on a worker, and the one that locks is for
    /// requests alone.
    pub async fn assert_functions_on(&self, node: usize) {
        let worker = self.client(node).await;
        worker.batch_execute("SET ROLE pigeonhole_app; SELECT shared.node_cores()").await.expect("cores");
        for (role, state) in [("pigeonhole_app", "XX000"), ("pigeonhole_login", "42501")] {
            let call = format!("SET ROLE {role}; SELECT requests.lock_placement(1, 1)");
            let refused = worker.batch_execute(&call).await.expect_err("Citus knows no shard 1");
            assert_eq!(refused.code().map(|code| code.code()), Some(state), "{role}: {refused:?}");
        }
    }

    pub async fn number(&self, statement: &str) -> i64 {
        number(&self.client(0).await, statement).await
    }

    /// Another server with our database, which the test may kill. It is not in the cluster yet.
    pub async fn own_worker(&self) -> Postgres {
        let own = Postgres::start_with(&[
            "shared_preload_libraries=citus",
            "wal_level=logical",
            "max_worker_processes=24",
            "max_replication_slots=20",
            "max_wal_senders=20",
            "max_logical_replication_workers=8",
            "max_prepared_transactions=200",
            "citus.node_conninfo=sslmode=prefer",
            "citus.local_hostname=127.0.0.1",
            "citus.enable_statistics_collection=off",
        ]);
        let database = format!("CREATE DATABASE {}", self.database);
        connect(&own.url).await.batch_execute(&database).await.expect("a database");
        own
    }
}

/// Runs a command of the program with this DATABASE_URL.
pub async fn run_on(url: &str, words: &[&str]) -> CommandOutput {
    RunningCommand::start(url, words).finish().await
}

/// A running command, ended with the test.
pub struct RunningCommand {
    child: Child,
    text: Arc<Mutex<String>>,
    readers: [JoinHandle<()>; 2],
    url: String,
    words: String,
}

impl RunningCommand {
    pub fn start(url: &str, words: &[&str]) -> Self {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pigeonhole"));
        command
            .args(words)
            .env_clear()
            .env("DATABASE_URL", url)
            .env("RUST_LOG", "warn")
            .env("NODE_TIMEOUT", "15")
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program runs");
        let text = Arc::new(Mutex::new(String::new()));
        let output = child.stdout.take().expect("standard output");
        let errors = child.stderr.take().expect("standard error");
        let readers = [
            tokio::spawn(collect(output, Arc::clone(&text))),
            tokio::spawn(collect(errors, Arc::clone(&text))),
        ];
        Self { child, text, readers, url: url.to_owned(), words: words.join(" ") }
    }

    /// The output so far.
    pub fn text(&self) -> String {
        self.text.lock().expect("the output").clone()
    }

    /// Waits until the output contains these words; fails the test if the command ends without them.
    pub async fn until_it_says(&mut self, words: &str) {
        let end = tokio::time::Instant::now() + DEADLINE;
        while !self.text().contains(words) {
            let ended = self.child.try_wait().expect("a state");
            let late = tokio::time::Instant::now() > end;
            assert!(
                ended.is_none() && !late,
                "{} never says {words:?} ({ended:?}): {}",
                self.words,
                self.text()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a state").is_none()
    }

    pub async fn finish(mut self) -> CommandOutput {
        let Ok(status) = tokio::time::timeout(DEADLINE, self.child.wait()).await else {
            let nodes =
                variable("TEST_CITUS_NODES").map(|nodes| urls_of(&self.url, &nodes)).unwrap_or_default();
            let busy = server_activity(&nodes).await;
            panic!("{} has not ended within {DEADLINE:?}: {}{busy}", self.words, self.text());
        };
        let code = status.expect("the program ends").code();
        for reader in &mut self.readers {
            reader.await.expect("the output");
        }
        CommandOutput { code, output: self.text() }
    }
}

async fn collect(pipe: impl AsyncRead + Unpin, text: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Some(line) = lines.next_line().await.expect("a line") {
        *text.lock().expect("the output") += &format!("{line}\n");
    }
}

/// The URLs of these nodes, like `url`, which names the first.
fn urls_of(url: &str, nodes: &str) -> Vec<String> {
    let database = url.rsplit('/').next().unwrap_or("postgres");
    nodes.split(',').map(|node| format!("postgresql://postgres@{node}/{database}")).collect()
}

pub async fn number(client: &Client, statement: &str) -> i64 {
    client.query_one(statement, &[]).await.unwrap_or_else(|error| panic!("{statement}: {error:?}")).get(0)
}

impl Drop for Nodes {
    fn drop(&mut self) {
        drop_everywhere(self.servers(), self.database.clone());
    }
}
