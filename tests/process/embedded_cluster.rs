//! The embedded Citus cluster in the data folder. These tests need Citus.

use crate::support::{
    Person, Script,
    data_folder::{DataFolder, stop},
    database::{can_connect, connect},
    environment,
};

#[tokio::test]
async fn an_embedded_cluster_distributes_restarts_and_grows() {
    if !environment::on_citus() {
        return;
    }
    let folder = DataFolder::new();
    let (server, app) = folder.start(&["--workers", "1"]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept in a shard").await;
    let (ports, password) = (folder.ports(), folder.read("password"));
    assert_eq!(ports.len(), 2);
    let client = connect(&folder.url(ports[0], &password)).await;
    let tables: i64 =
        client.query_one("SELECT count(*) FROM citus_tables", &[]).await.expect("tables").get(0);
    assert!(tables >= 6, "{tables} tables are distributed");

    for port in &ports {
        for password in ["", "postgres", "pigeonhole"] {
            assert!(!can_connect(&folder.url(*port, password)).await, "port {port} lets {password:?} in");
        }
    }
    for name in ["password", "pgpass", "ports", "pg_hba.conf", "."] {
        let file = folder.path.join("cluster").join(name);
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect(name).permissions());
        assert_eq!(mode & 0o077, 0, "{name} is open to others: {mode:o}");
    }

    // Kill the server and one node, and start again with one more worker.
    rustix::process::kill_process(folder.postmaster("worker1"), rustix::process::Signal::KILL)
        .expect("a kill");
    server.kill_async().await;
    let (server, app) = folder.start(&["--workers", "2"]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept in a shard");
    assert_eq!(folder.ports().len(), 3);
    stop(server).await;

    assert!(folder.refusal(&["--workers", "1"]).await.contains("has 2 workers"));
    // Another program has taken a recorded port, and --workers is not given.
    let _taken = std::net::TcpListener::bind(("127.0.0.1", folder.ports()[1])).expect("the port");
    let (server, app) = folder.start(&[]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept in a shard");
    stop(server).await;
}

#[tokio::test]
async fn data_of_an_embedded_server_is_kept_when_it_becomes_a_cluster() {
    if !environment::on_citus() {
        return;
    }
    let folder = DataFolder::new();
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
