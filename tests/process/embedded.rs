//! The embedded PostgreSQL in the data folder: start, stop, and recovery after kill -9.

use std::path::Path;
use std::time::Duration;

use crate::support::{Call, Person, Script, data_folder::DataFolder, eventually, run_blocking};

#[tokio::test]
async fn the_data_survives_a_clean_restart_and_the_database_stops_with_the_server() {
    let folder = DataFolder::new();
    let (server, app) = folder.start(&[]).await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let browser = person.browser(&app).await;
    let id = script.note("kept over the night").await;
    assert!(folder.postgres_runs());
    assert_no_tcp_port(&folder);
    assert_eq!(server.stop_async().await, 0);
    assert!(!folder.postgres_runs(), "PostgreSQL outlives the server");

    let (server, app) = folder.start(&[]).await;
    let call = Call::new("GET", &format!("/api/notes/{id}"));
    let note = app.answer(call.bearer(&script.token)).await.expect(200).json();
    assert_eq!(note["content"], "kept over the night");
    let call = Call::new("GET", "/dashboard");
    app.answer(call.header("cookie", browser.cookie_header())).await.expect(200);
    assert_eq!(server.stop_async().await, 0);
}

fn assert_no_tcp_port(folder: &DataFolder) {
    let file = folder.pid_file(".");
    let text = std::fs::read_to_string(file).expect("the pid file");
    let listens: Vec<_> = text.lines().skip(4).take(2).collect();
    assert_eq!(listens.get(1).copied().unwrap_or_default().trim(), "", "it listens on TCP: {text}");
    let socket = Path::new(listens[0]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(socket).expect("the socket's folder").permissions(),
    );
    assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", socket.display());
}

#[tokio::test]
async fn a_killed_server_starts_again_without_repair() {
    let folder = DataFolder::new();
    let (server, app) = folder.start(&[]).await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("kept").await;
    server.kill_async().await;
    let (server, app) = folder.start(&[]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept");
    assert_eq!(server.stop_async().await, 0);
    assert!(!folder.postgres_runs());
}

#[tokio::test]
async fn a_killed_embedded_database_is_restarted() {
    let folder = DataFolder::new();
    let (server, app) = folder.start(&[]).await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("kept").await;
    let pid = folder.postmaster(".");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
    let mut server = server;
    let mut back = false;
    for _ in 0..300 {
        let call = Call::new("GET", &format!("/api/notes/{id}"));
        let call = call.bearer(&script.token);
        match call.try_send(&app.http, &app.base).await {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json()["content"], "kept");
                back = true;
                break;
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if !back {
        // The server may exit with an error as well; then the next start must recover.
        assert_ne!(run_blocking(move || server.wait(Duration::from_secs(60))).await, 0);
        let (again, app) = folder.start(&[]).await;
        server = again;
        let script = Script { app, token: script.token };
        assert_eq!(script.read(id).await["content"], "kept");
    }
    assert_eq!(server.stop_async().await, 0);
}

#[tokio::test]
async fn server_and_database_killed_together_recover_at_the_next_start() {
    let folder = DataFolder::new();
    let (server, app) = folder.start(&[]).await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept").await;
    let pid = folder.postmaster(".");
    server.kill_async().await;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
    let (server, app) = folder.start(&[]).await;
    let script = Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept");
    assert_eq!(server.stop_async().await, 0);
    eventually("PostgreSQL has ended", async || !folder.postgres_runs()).await;
}

#[tokio::test]
async fn a_second_start_on_the_same_data_folder_names_the_first_process() {
    let folder = DataFolder::new();
    let (server, app) = folder.start(&[]).await;
    let refusal = folder.refusal(&[]).await;
    assert!(refusal.contains(&server.pid.to_string()), "{refusal}");
    assert!(!refusal.contains("panicked"), "{refusal}");
    app.get("/readyz").await.expect(200);
    assert_eq!(server.stop_async().await, 0);
}

#[tokio::test]
async fn a_clean_shutdown_logs_no_warning() {
    let folder = DataFolder::new();
    let (mut server, app) = folder.start(&[]).await;
    Person::founder(&app).await.script(&app).await.note("kept").await;
    server.signal(rustix::process::Signal::TERM);
    let log = run_blocking(move || {
        assert_eq!(server.wait(Duration::from_secs(60)), 0);
        server.log()
    })
    .await;
    let (_, end) = log.split_once("stopping: requests in flight").expect("it says that it stops");
    assert!(!end.contains("WARN") && !end.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn ctrl_c_stops_server_and_database_cleanly() {
    let folder = DataFolder::new();
    let (mut server, _) = folder.start(&[]).await;
    server.signal(rustix::process::Signal::INT);
    assert_eq!(run_blocking(move || server.wait(Duration::from_secs(60))).await, 0);
    assert!(!folder.postgres_runs());
}

#[tokio::test]
async fn a_data_folder_with_a_long_name_works() {
    let folder = DataFolder::named(&format!("{}/{}", "long-".repeat(24), "name-".repeat(20)));
    let (server, app) = folder.start(&[]).await;
    app.get("/readyz").await.expect(200);
    assert_eq!(server.stop_async().await, 0);
}

#[tokio::test]
async fn tables_of_the_account_nobody_are_refused() {
    if !rustix::process::getuid().is_root() {
        return crate::support::environment::skipped("only root may give tables to another account");
    }
    let folder = DataFolder::new();
    let (server, _) = folder.start(&[]).await;
    assert_eq!(server.stop_async().await, 0);
    let tables = folder.path.join("pgdata");
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&tables).expect("tables"));
    assert_ne!(owner, 65_534, "PostgreSQL ran as nobody");
    std::os::unix::fs::chown(&tables, Some(65_534), None).expect("another owner");
    let refused = folder.refusal(&[]).await;
    assert!(refused.contains("nobody") && refused.contains("chown -R pigeonhole"), "{refused}");
    assert!(!folder.postgres_runs());
    std::os::unix::fs::chown(&tables, Some(owner), None).expect("the owner again");
    let (server, _) = folder.start(&[]).await;
    assert_eq!(server.stop_async().await, 0);
}
