//! A private Citus cluster for one test, brought up by the server itself.

use std::path::Path;

use tempfile::TempDir;

use super::server::{Server, ServerBuilder};
use super::{App, environment, names};

/// A data folder of a test's own, for servers that bring up their own cluster in it.
pub struct Folder {
    directory: TempDir,
    key: String,
}

impl Folder {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))
            .expect("an open folder");
        Self { directory, key: names::secret_key() }
    }

    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    pub fn builder(&self, arguments: &[&str]) -> ServerBuilder {
        ServerBuilder::bare()
            .set("DATA_DIR", self.data().join("data").to_str().expect("a path"))
            .set("PG_BIN_DIR", environment::postgres_bin().to_str().expect("a path"))
            .set("SECRET_KEY", &self.key)
            .arguments(arguments)
    }

    pub async fn start(&self, arguments: &[&str]) -> (Server, App) {
        let builder = self.builder(arguments);
        let server = builder.start_aside().await;
        let app = App::of(&server);
        (server, app)
    }

    pub async fn refusal(&self, arguments: &[&str]) -> String {
        let builder = self.builder(arguments);
        builder.refusal_aside().await.output
    }

    pub fn kept(&self, name: &str) -> String {
        std::fs::read_to_string(self.data().join("data/cluster").join(name)).expect(name)
    }

    pub fn ports(&self) -> Vec<u16> {
        self.kept("ports").lines().map(|port| port.parse().expect("a port")).collect()
    }

    pub fn url(&self, port: u16, password: &str) -> String {
        format!("postgresql://postgres:{password}@127.0.0.1:{port}/pigeonhole")
    }

    /// The superuser's URL of the coordinator.
    pub fn coordinator_url(&self) -> String {
        self.url(self.ports()[0], &self.kept("password"))
    }

    /// The coordinator, as its superuser.
    pub async fn coordinator(&self) -> tokio_postgres::Client {
        super::database::connect(&self.coordinator_url()).await
    }

    pub fn postmaster(&self, node: &str) -> rustix::process::Pid {
        let file = self.data().join("data").join(node).join("pgdata/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("a pid file");
        rustix::process::Pid::from_raw(text.lines().next().expect("a line").trim().parse().expect("a pid"))
            .expect("a pid")
    }
}

/// A server with a coordinator and two workers of its own; none where there is no Citus, and then the test is
/// skipped.
pub async fn start_or_skip() -> Option<(Folder, Server, App)> {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return None;
    }
    let folder = Folder::new();
    let (server, app) = folder.start(&["--workers", "2"]).await;
    Some((folder, server, app))
}

/// Ends a server and its cluster.
pub async fn stop(server: Server) {
    assert_eq!(server.stop_aside().await, 0);
}
