//! The processes under test: web server, worker, broker and database. Each can be killed and restarted.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::Options;
use crate::support::broker::Broker;
use crate::support::data_folder::DataFolder;
use crate::support::environment;
use crate::support::names;
use crate::support::postgres::{Postgres, free_port};
use crate::support::server::{Server, ServerBuilder};

/// How long a killed process may take to be back.
const TIMEOUT: Duration = Duration::from_secs(120);

enum Store {
    Plain(Postgres),
    /// The keeper restarts nodes that died.
    Cluster {
        _keeper: Server,
        folder: DataFolder,
    },
}

pub struct Stack {
    pub database_url: String,
    store: Store,
    broker: Option<Broker>,
    web: Option<Server>,
    worker: Option<Server>,
    port: u16,
    key: String,
}

impl Stack {
    pub fn start(options: &Options) -> Self {
        let (store, database_url) = if options.citus && environment::on_citus() {
            let folder = DataFolder::new();
            let keeper = folder
                .builder(&["--workers", "2"])
                .set("WORKER", "off")
                .try_start_unlocked()
                .expect("a cluster");
            let url = folder.url(folder.ports()[0], &folder.read("password"));
            (Store::Cluster { folder, _keeper: keeper }, url)
        } else {
            let postgres = Postgres::start();
            let url = postgres.url.clone();
            (Store::Plain(postgres), url)
        };
        let broker = environment::rabbitmq_server().filter(|_| options.broker).map(Broker::start_with);
        let mut stack = Self {
            database_url,
            store,
            broker,
            web: None,
            worker: None,
            port: free_port(),
            key: names::secret_key(),
        };
        stack.start_web();
        stack.start_worker();
        stack
    }

    pub fn describe(&self) -> String {
        let store = if matches!(self.store, Store::Plain(_)) {
            "plain PostgreSQL"
        } else {
            "Citus, a coordinator and two workers"
        };
        format!("{store}, {}", if self.broker.is_some() { "RabbitMQ" } else { "no broker" })
    }

    pub fn base(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub fn targets(&self) -> Vec<&'static str> {
        let mut targets = vec!["web", "worker", "database"];
        if matches!(self.store, Store::Cluster { .. }) {
            targets.push("Citus worker");
        }
        if self.broker.is_some() {
            targets.push("RabbitMQ");
        }
        targets
    }

    /// Kills a process with SIGKILL and restarts it after a moment.
    pub fn kill(&mut self, target: &str) {
        match target {
            "web" => {
                if let Some(server) = self.web.take() {
                    server.kill();
                }
                self.start_web();
            }
            "worker" => {
                if let Some(server) = self.worker.take() {
                    server.kill();
                }
                self.start_worker();
            }
            "RabbitMQ" => {
                if let Some(broker) = &mut self.broker {
                    broker.kill();
                    std::thread::sleep(Duration::from_secs(1));
                    broker.resume();
                }
            }
            "Citus worker" => self.kill_node("worker1"),
            _ => match &mut self.store {
                Store::Plain(postgres) => {
                    postgres.kill();
                    std::thread::sleep(Duration::from_millis(500));
                    postgres.resume();
                }
                Store::Cluster { .. } => self.kill_node("."),
            },
        }
    }

    fn kill_node(&self, node: &str) {
        if let Store::Cluster { folder, .. } = &self.store {
            let _ = kill_process(folder.postmaster(node), Signal::KILL);
        }
    }

    fn builder(&self) -> ServerBuilder {
        ServerBuilder::bare()
            .set("DATABASE_URL", &self.database_url)
            .set("SECRET_KEY", &self.key)
            .set("RUST_LOG", "warn")
    }

    fn start_web(&mut self) {
        let (bind, origin) = (format!("127.0.0.1:{}", self.port), format!("http://localhost:{}", self.port));
        self.web = Some(start_with_retries("web", || {
            self.builder().set("BIND", &bind).set("PUBLIC_ORIGIN", &origin).set("WORKER", "off")
        }));
    }

    fn start_worker(&mut self) {
        let url = self.broker.as_ref().map(|broker| broker.url.clone()).unwrap_or_default();
        self.worker = Some(start_with_retries("worker", || self.builder().set("AMQP_URL", &url).worker()));
    }
}

/// Retries the start, which fails while the database recovers.
fn start_with_retries(what: &str, builder: impl Fn() -> ServerBuilder) -> Server {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match builder().try_start_unlocked() {
            Ok(server) => return server,
            Err(refusal) => assert!(Instant::now() < deadline, "{what} does not start: {refusal:?}"),
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}
