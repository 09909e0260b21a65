//! A closed standard output or standard error, as after `| head` or when a log collector has ended.

use std::time::Duration;

use crate::support::{
    App, TIMEOUT,
    data_folder::DataFolder,
    database::OwnDatabase,
    eventually, http, names, postgres, run_blocking,
    server::{ServerBuilder, Streams},
};

const BOTH: [Streams; 2] = [Streams::Output, Streams::Both];

/// With a known address, as the output cannot be read.
fn with_known_port(builder: ServerBuilder) -> ServerBuilder {
    builder.set("BIND", format!("127.0.0.1:{}", postgres::free_port()))
}

/// The exit code and the log of a command with closed output.
async fn run_closed(builder: ServerBuilder, command: &'static str, streams: Streams) -> (i32, String) {
    run_blocking(move || {
        let mut server = builder.spawn_unread(command, streams);
        let code = server.wait(TIMEOUT + Duration::from_secs(30));
        (code, server.log())
    })
    .await
}

async fn is_ready(base: &str) -> bool {
    let asked = http::client()
        .build()
        .expect("a client")
        .get(format!("{base}/readyz"))
        .header("host", "localhost")
        .send()
        .await;
    asked.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn serve_works_with_closed_output_and_logs_its_address() {
    let own = OwnDatabase::create().await;
    for streams in BOTH {
        let builder = with_known_port(ServerBuilder::new().set("DATABASE_URL", &own.url));
        let server = builder.set("ADMIN_BIND", "127.0.0.1:0").spawn_unread("serve", streams);
        eventually("it is ready", async || is_ready(&server.base).await).await;
        App::of(&server).get("/login").await.expect(200);
        if streams == Streams::Output {
            let port = server.base.rsplit(':').next().expect("a port");
            // The addresses are logged once the server accepts connections.
            eventually("both addresses are in the log", async || {
                server.log().contains(&format!("http://localhost:{port}"))
                    && server.log().contains("operator's console: http://")
            })
            .await;
        }
        assert!(!server.log().contains("panicked"), "{}", server.log());
        assert_eq!(server.stop_async().await, 0, "{streams:?}");
    }
}

#[tokio::test]
async fn the_embedded_database_stops_with_a_server_with_closed_output() {
    let folder = DataFolder::new();
    let server = with_known_port(folder.builder(&[])).spawn_unread("serve", Streams::Output);
    eventually("it is ready", async || is_ready(&server.base).await).await;
    let pid = folder.postmaster(".");
    assert_eq!(server.stop_async().await, 0);
    assert!(rustix::process::test_kill_process(pid).is_err(), "PostgreSQL outlives the server");
}

#[tokio::test]
async fn a_worker_works_with_closed_output() {
    let own = OwnDatabase::create().await;
    let migrate = ServerBuilder::new().set("DATABASE_URL", &own.url);
    assert_eq!(run_blocking(move || migrate.run("migrate").code).await, Some(0));
    for streams in BOTH {
        let address = format!("127.0.0.1:{}", postgres::free_port());
        let builder = ServerBuilder::new().set("DATABASE_URL", &own.url).set("ADMIN_BIND", &address);
        let worker = builder.spawn_unread("worker", streams);
        eventually("it is ready", async || is_ready(&format!("http://{address}")).await).await;
        assert!(!worker.log().contains("panicked"), "{}", worker.log());
        assert_eq!(worker.stop_async().await, 0, "{streams:?}");
    }
}

#[tokio::test]
async fn commands_with_closed_output_exit_with_their_code_and_no_error() {
    let own = OwnDatabase::create().await;
    let builder = move || ServerBuilder::new().set("DATABASE_URL", &own.url);
    for command in [
        "migrate",
        "migrate",
        "messages",
        "messages list",
        "messages --json",
        "seed --tenants 1 --users 1 --notes 1",
    ] {
        let (code, log) = run_closed(builder(), command, Streams::Output).await;
        assert_eq!(code, 0, "{command}: {log}");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{command}: {log}");
        let (code, _) = run_closed(builder(), command, Streams::Both).await;
        assert_eq!(code, 0, "{command} without standard error");
    }
    for command in ["--help", "--version", "help", "serve --help", "cluster init --help"] {
        for streams in BOTH {
            assert_eq!(run_closed(builder(), command, streams).await, (0, String::new()), "{command}");
        }
    }
}

#[tokio::test]
async fn commands_that_call_a_server_ignore_closed_output() {
    let own = OwnDatabase::create().await;
    let (console, bind) = (postgres::free_port(), postgres::free_port());
    let builder = move || {
        ServerBuilder::new()
            .set("DATABASE_URL", &own.url)
            .set("ADMIN_BIND", format!("127.0.0.1:{console}"))
            .set("BIND", format!("127.0.0.1:{bind}"))
    };
    let server = builder().spawn_unread("serve", Streams::Both);
    eventually("it is ready", async || is_ready(&server.base).await).await;
    for command in ["check", "console verdicts", "console application --json"] {
        for streams in BOTH {
            let (code, log) = run_closed(builder(), command, streams).await;
            assert_eq!((code, log.as_str()), (0, ""), "{command}");
        }
    }
}

#[tokio::test]
async fn secrets_are_created_with_closed_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path").to_owned();
    let builder = ServerBuilder::bare().arguments(&["--nodes", &path, "--web", &path]);
    assert_eq!(run_closed(builder, "secrets", Streams::Both).await.0, 0);
    assert!(folder.path().join("admin_token").exists());
}

#[tokio::test]
async fn errors_keep_their_exit_code_with_closed_output() {
    let nowhere = || ServerBuilder::new().set("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none");
    for (command, expected) in [
        ("migrate", 1),
        ("messages", 1),
        ("worker", 1),
        ("cluster status", 2),
        ("check --nonsense", 2),
        ("", 2),
    ] {
        for streams in BOTH {
            let (code, log) = run_closed(nowhere(), command, streams).await;
            assert_eq!(code, expected, "{command} {streams:?}: {log}");
            assert!(!log.contains("panicked"), "{command}: {log}");
        }
    }
    for streams in BOTH {
        let (code, log) =
            run_closed(nowhere().set("SECRET_KEY", "").set("APP_ENV", "production"), "serve", streams).await;
        assert_eq!(code, 1, "{log}");
    }
}

#[tokio::test]
async fn output_to_a_full_device_is_exit_code_1() {
    let name = names::unique("full");
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    assert_eq!(run_blocking(move || builder.run("migrate").code).await, Some(0));
    let full =
        std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pigeonhole"));
    let command = command
        .arg("messages")
        .env_clear()
        .env("DATABASE_URL", &own.url)
        .env("SECRET_KEY", names::secret_key());
    let ended = command.current_dir(std::env::temp_dir()).stdout(full).output().expect(&name);
    let output = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{output}");
    assert!(output.contains("writing to standard output"), "{output}");
}
