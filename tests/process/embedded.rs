//! The private PostgreSQL in the data folder: it comes up, goes down and survives being killed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{
    App, Person, aside, environment,
    server::{Server, ServerBuilder},
};

/// A data folder whose PostgreSQL never outlives the test.
struct Folder {
    data: PathBuf,
    key: String,
    _directory: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self::named("data")
    }

    fn named(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a folder");
        // An account without rights must be able to walk through.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).expect("an open folder");
        let key = crate::support::names::secret_key();
        Self { data: directory.path().join(name), key, _directory: directory }
    }

    fn builder(&self) -> ServerBuilder {
        ServerBuilder::bare()
            .set("DATA_DIR", self.data.to_str().expect("a path"))
            .set("PG_BIN_DIR", environment::postgres_bin().to_str().expect("a path"))
            .set("SECRET_KEY", &self.key)
    }

    async fn start(&self) -> (Server, App) {
        let builder = self.builder();
        let server = builder.start_aside().await;
        let app = App::of(&server);
        (server, app)
    }

    fn postmaster(&self) -> Option<rustix::process::Pid> {
        let file = find(&self.data, "postmaster.pid")?;
        let text = std::fs::read_to_string(file).ok()?;
        rustix::process::Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }

    fn postgres_runs(&self) -> bool {
        self.postmaster().is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }

    async fn until_postgres_is_gone(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.postgres_runs() {
            assert!(Instant::now() < deadline, "PostgreSQL runs on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            let deadline = Instant::now() + Duration::from_secs(10);
            while self.postgres_runs() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|file| file == name) {
            return Some(path);
        }
        if path.is_dir() && path.file_name().is_some_and(|file| file == "pgdata") {
            return find(&path, name);
        }
    }
    None
}

#[tokio::test]
async fn the_data_survives_a_clean_restart_and_the_database_stops_with_the_server() {
    let folder = Folder::new();
    let (server, app) = folder.start().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let browser = person.browser(&app).await;
    let id = script.note("kept over the night").await;
    assert!(folder.postgres_runs());
    assert_no_tcp_port(&folder);
    assert_eq!(server.stop_aside().await, 0);
    assert!(!folder.postgres_runs(), "PostgreSQL outlives the server");

    let (server, app) = folder.start().await;
    let bearer = format!("Bearer {}", script.token);
    let call = crate::support::Call::new("GET", &format!("/api/notes/{id}"));
    let note = app.answer(call.header("authorization", bearer)).await.expect(200).json();
    assert_eq!(note["content"], "kept over the night");
    let call = crate::support::Call::new("GET", "/dashboard");
    app.answer(call.header("cookie", browser.cookie_header())).await.expect(200);
    assert_eq!(server.stop_aside().await, 0);
}

fn assert_no_tcp_port(folder: &Folder) {
    let file = find(&folder.data, "postmaster.pid").expect("a pid file");
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
async fn a_killed_server_is_started_again_by_hand_and_nothing_else() {
    let folder = Folder::new();
    let (server, app) = folder.start().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("kept").await;
    server.kill_aside().await;
    let (server, app) = folder.start().await;
    let script = crate::support::Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept");
    assert_eq!(server.stop_aside().await, 0);
    assert!(!folder.postgres_runs());
}

#[tokio::test]
async fn a_killed_database_is_brought_up_again() {
    let folder = Folder::new();
    let (server, app) = folder.start().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("kept").await;
    let pid = folder.postmaster().expect("a postmaster");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
    let mut server = server;
    let mut back = false;
    for _ in 0..300 {
        let call = crate::support::Call::new("GET", &format!("/api/notes/{id}"));
        let call = call.header("authorization", format!("Bearer {}", script.token));
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
        // The server may end as well, loudly; then the next start must recover by itself.
        assert_ne!(aside(move || server.wait(Duration::from_secs(60))).await, 0);
        let (again, app) = folder.start().await;
        server = again;
        let script = crate::support::Script { app, token: script.token };
        assert_eq!(script.read(id).await["content"], "kept");
    }
    assert_eq!(server.stop_aside().await, 0);
}

#[tokio::test]
async fn both_killed_at_once_recover_at_the_next_start() {
    let folder = Folder::new();
    let (server, app) = folder.start().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("kept").await;
    let pid = folder.postmaster().expect("a postmaster");
    server.kill_aside().await;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
    let (server, app) = folder.start().await;
    let script = crate::support::Script { app, token: script.token };
    assert_eq!(script.read(id).await["content"], "kept");
    assert_eq!(server.stop_aside().await, 0);
    folder.until_postgres_is_gone().await;
}

#[tokio::test]
async fn a_second_start_on_the_same_folder_names_its_holder() {
    let folder = Folder::new();
    let (server, app) = folder.start().await;
    let builder = folder.builder();
    let refusal = builder.refusal_aside().await;
    assert!(refusal.output.contains(&server.pid.to_string()), "{}", refusal.output);
    assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
    app.get("/readyz").await.expect(200);
    assert_eq!(server.stop_aside().await, 0);
}

#[tokio::test]
async fn a_clean_end_is_no_reason_to_complain() {
    let folder = Folder::new();
    let (mut server, app) = folder.start().await;
    Person::founder(&app).await.script(&app).await.note("kept").await;
    server.signal(rustix::process::Signal::TERM);
    let log = aside(move || {
        assert_eq!(server.wait(Duration::from_secs(60)), 0);
        server.log()
    })
    .await;
    let (_, end) = log.split_once("stopping: requests in flight").expect("it says that it stops");
    assert!(!end.contains("WARN") && !end.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn ctrl_c_ends_both_cleanly() {
    let folder = Folder::new();
    let (mut server, _) = folder.start().await;
    server.signal(rustix::process::Signal::INT);
    assert_eq!(aside(move || server.wait(Duration::from_secs(60))).await, 0);
    assert!(!folder.postgres_runs());
}

#[tokio::test]
async fn a_data_folder_with_a_long_name_works() {
    let folder = Folder::named(&format!("{}/{}", "long-".repeat(24), "name-".repeat(20)));
    let (server, app) = folder.start().await;
    app.get("/readyz").await.expect(200);
    assert_eq!(server.stop_aside().await, 0);
}
