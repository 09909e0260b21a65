//! A data folder of one test, in which the server runs its own PostgreSQL or its own Citus cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use super::server::{Server, ServerBuilder};
use super::{App, environment, names};

pub struct DataFolder {
    /// DATA_DIR.
    pub path: PathBuf,
    key: String,
    _directory: TempDir,
}

impl DataFolder {
    pub fn new() -> Self {
        Self::named("data")
    }

    /// At this path in a temporary folder.
    pub fn named(path: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        // PostgreSQL runs as an account that does not own the folder and has to pass through it.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("an open folder");
        Self { path: directory.path().join(path), key: names::secret_key(), _directory: directory }
    }

    pub fn builder(&self, arguments: &[&str]) -> ServerBuilder {
        ServerBuilder::bare()
            .set("DATA_DIR", self.path.to_str().expect("a path"))
            .set("PG_BIN_DIR", environment::postgres_bin().to_str().expect("a path"))
            .set("SECRET_KEY", &self.key)
            .arguments(arguments)
    }

    pub async fn start(&self, arguments: &[&str]) -> (Server, App) {
        let server = self.builder(arguments).start_async().await;
        let app = App::of(&server);
        (server, app)
    }

    pub async fn refusal(&self, arguments: &[&str]) -> String {
        self.builder(arguments).refusal_async().await.output
    }

    /// A file of the cluster, such as its password.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join("cluster").join(name)).expect(name)
    }

    pub fn ports(&self) -> Vec<u16> {
        self.read("ports").lines().map(|port| port.parse().expect("a port")).collect()
    }

    pub fn url(&self, port: u16, password: &str) -> String {
        format!("postgresql://postgres:{password}@127.0.0.1:{port}/pigeonhole")
    }

    /// The superuser's URL of the coordinator.
    pub fn coordinator_url(&self) -> String {
        self.url(self.ports()[0], &self.read("password"))
    }

    /// A superuser's connection to the coordinator.
    pub async fn coordinator(&self) -> tokio_postgres::Client {
        super::database::connect(&self.coordinator_url()).await
    }

    /// A superuser's connection to every node of the cluster, the coordinator first.
    pub async fn all_nodes(&self) -> Vec<tokio_postgres::Client> {
        let password = self.read("password");
        let urls = self.ports().into_iter().map(|port| self.url(port, &password));
        futures_util::future::join_all(urls.map(async |url| super::database::connect(&url).await)).await
    }

    /// The pid file of a node: `worker1`, or `.` for the coordinator and for a server without workers.
    pub fn pid_file(&self, node: &str) -> PathBuf {
        self.path.join(node).join("pgdata/postmaster.pid")
    }

    fn running_postmaster(&self, node: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.pid_file(node)).ok()?;
        Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }

    pub fn postmaster(&self, node: &str) -> Pid {
        self.running_postmaster(node).expect("a pid file")
    }

    /// Whether the server without workers, or the coordinator, is running.
    pub fn postgres_runs(&self) -> bool {
        self.running_postmaster(".").is_some_and(|pid| test_kill_process(pid).is_ok())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let Some(pid) = self.running_postmaster(".") else { return };
        let _ = kill_process(pid, Signal::QUIT);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.postgres_runs() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A server with a coordinator and two workers of its own. None where Citus is not installed; the test then
/// counts as skipped.
pub async fn start_or_skip() -> Option<(DataFolder, Server, App)> {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return None;
    }
    let folder = DataFolder::new();
    let (server, app) = folder.start(&["--workers", "2"]).await;
    Some((folder, server, app))
}

/// Ends a server and its cluster.
pub async fn stop(server: Server) {
    assert_eq!(server.stop_async().await, 0);
}
