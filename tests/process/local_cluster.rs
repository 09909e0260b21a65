//! The private Citus cluster in the data folder, where the extension is installed.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{
    App, Person, Script,
    database::{connect, opens},
    environment, names,
    server::{Server, ServerBuilder},
};

struct Folder {
    directory: TempDir,
    key: String,
}

impl Folder {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("an open folder");
        Self { directory, key: names::secret_key() }
    }

    fn data(&self) -> &Path {
        self.directory.path()
    }

    fn builder(&self, arguments: &[&str]) -> ServerBuilder {
        ServerBuilder::bare()
            .set("DATA_DIR", self.data().join("data").to_str().expect("a path"))
            .set("PG_BIN_DIR", environment::postgres_bin().to_str().expect("a path"))
            .set("SECRET_KEY", &self.key)
            .arguments(arguments)
    }

    async fn start(&self, arguments: &[&str]) -> (Server, App) {
        let builder = self.builder(arguments);
        let server = tokio::task::spawn_blocking(move || builder.start()).await.expect("a server");
        let app = App::of(&server);
        (server, app)
    }

    async fn refusal(&self, arguments: &[&str]) -> String {
        let builder = self.builder(arguments);
        tokio::task::spawn_blocking(move || builder.expect_refusal()).await.expect("a refusal").output
    }

    fn kept(&self, name: &str) -> String {
        std::fs::read_to_string(self.data().join("data/cluster").join(name)).expect(name)
    }

    fn ports(&self) -> Vec<u16> {
        self.kept("ports").lines().map(|port| port.parse().expect("a port")).collect()
    }

    fn url(&self, port: u16, password: &str) -> String {
        format!("postgresql://postgres:{password}@127.0.0.1:{port}/pigeonhole")
    }

    fn postmaster(&self, node: &str) -> rustix::process::Pid {
        let file = self.data().join("data").join(node).join("pgdata/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("a pid file");
        rustix::process::Pid::from_raw(text.lines().next().expect("a line").trim().parse().expect("a pid")).expect("a pid")
    }
}

async fn stop(server: Server) {
    assert_eq!(tokio::task::spawn_blocking(move || server.stop()).await.expect("an end"), 0);
}

#[tokio::test]
async fn a_cluster_of_ones_own_distributes_survives_and_grows() {
    if !environment::on_citus() {
        return;
    }
    let folder = Folder::new();
    let (server, app) = folder.start(&["--workers", "1"]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept in a shard").await;
    let (ports, password) = (folder.ports(), folder.kept("password"));
    assert_eq!(ports.len(), 2);
    let client = connect(&folder.url(ports[0], &password)).await;
    let tables: i64 = client.query_one("SELECT count(*) FROM citus_tables", &[]).await.expect("tables").get(0);
    assert!(tables >= 6, "{tables} tables are distributed");

    for port in &ports {
        for password in ["", "postgres", "pigeonhole"] {
            assert!(!opens(&folder.url(*port, password)).await, "port {port} lets {password:?} in");
        }
    }
    for name in ["password", "pgpass", "ports", "pg_hba.conf", "."] {
        let file = folder.data().join("data/cluster").join(name);
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect(name).permissions());
        assert_eq!(mode & 0o077, 0, "{name} is open to others: {mode:o}");
    }

    // Killed together with a node; one more worker asked for at the next start.
    rustix::process::kill_process(folder.postmaster("worker1"), rustix::process::Signal::KILL).expect("a kill");
    tokio::task::spawn_blocking(move || server.kill()).await.expect("killed");
    let (server, app) = folder.start(&["--workers", "2"]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept in a shard");
    assert_eq!(folder.ports().len(), 3);
    stop(server).await;

    assert!(folder.refusal(&["--workers", "1"]).await.contains("has 2 workers"));
    // A port that another program has taken since, and no word of workers.
    let _taken = std::net::TcpListener::bind(("127.0.0.1", folder.ports()[1])).expect("the port");
    let (server, app) = folder.start(&[]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept in a shard");
    stop(server).await;
}

#[tokio::test]
async fn the_data_of_a_server_alone_is_taken_along_into_a_cluster() {
    if !environment::on_citus() {
        return;
    }
    let folder = Folder::new();
    let (server, app) = folder.start(&[]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept alone").await;
    stop(server).await;
    for _ in 0..2 {
        let (server, app) = folder.start(&["--workers", "1"]).await;
        let script = Script { app, token: script.token.clone() };
        assert_eq!(script.read(id).await["content"], "kept alone");
        script.note("written in the cluster").await;
        stop(server).await;
    }
}
