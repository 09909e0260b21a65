//! Invalid settings stop the start with one line that names them; warnings, keys and shutdown.

use std::time::Duration;

use crate::support::{
    App, Call, data_folder::DataFolder, database::OwnDatabase, names, run_blocking, server::ServerBuilder,
    spawn_app,
};

fn production() -> ServerBuilder {
    ServerBuilder::new().set("APP_ENV", "production").set("PUBLIC_ORIGIN", "https://notes.example.test")
}

fn assert_names(builder: ServerBuilder, setting: &str) {
    let refusal = builder.expect_refusal();
    assert!(refusal.output.contains(setting), "{}", refusal.output);
    assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
    let lines = refusal.output.lines().filter(|line| line.contains(setting)).count();
    assert_eq!(lines, 1, "{}", refusal.output);
}

#[tokio::test]
async fn production_refuses_missing_short_and_sample_keys() {
    spawn_app().await;
    assert_names(production().without("SECRET_KEY"), "SECRET_KEY");
    for key in ["", "short", &"x".repeat(63), &"a".repeat(128), "your-secret-key"] {
        assert_names(production().set("SECRET_KEY", key), "SECRET_KEY");
    }
}

#[tokio::test]
async fn production_refuses_an_origin_that_is_missing_or_not_https() {
    spawn_app().await;
    assert_names(production().without("PUBLIC_ORIGIN"), "PUBLIC_ORIGIN");
    for origin in ["http://notes.example.test", "notes.example.test", "https://a.test/path", "*"] {
        assert_names(production().set("PUBLIC_ORIGIN", origin), "PUBLIC_ORIGIN");
    }
}

#[tokio::test]
async fn invalid_settings_are_named() {
    spawn_app().await;
    for (name, value) in [
        ("BIND", "nonsense"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "many"),
        ("BCRYPT_COST", "9"),
        ("BCRYPT_COST", "17"),
        ("NODE_TIMEOUT", "0"),
        ("NODE_TIMEOUT", "61"),
        ("NODE_TIMEOUT", "NaN"),
        ("DEMO_TENANT", "perhaps"),
        ("APP_ENV", "staging"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://localhost/x"),
    ] {
        assert_names(ServerBuilder::new().set(name, value), name);
    }
}

#[tokio::test]
async fn a_short_key_is_stretched_with_a_warning_in_development() {
    spawn_app().await;
    let server = ServerBuilder::new()
        .without("APP_ENV")
        .set("FLASK_ENV", "development")
        .set("SECRET_KEY", "dev")
        .start();
    assert!(server.log().contains("SECRET_KEY"), "{}", server.log());
    App::of(&server).get("/livez").await.expect(200);
}

#[tokio::test]
async fn development_with_a_public_origin_starts_with_a_warning() {
    spawn_app().await;
    let server = ServerBuilder::new().set("PUBLIC_ORIGIN", "http://notes.example.test").start();
    let log = server.log();
    assert!(
        log.contains("http://notes.example.test is not this machine") && log.contains("APP_ENV=production"),
        "{log}"
    );
    drop(server);
    let server = ServerBuilder::new().set("PUBLIC_ORIGIN", "http://localhost:5000").start();
    assert!(!server.log().contains("is not this machine"), "{}", server.log());
}

#[tokio::test]
async fn the_former_name_of_the_node_timeout_is_read_with_a_line_in_the_log() {
    spawn_app().await;
    let warning = "NODE_PATIENCE is now called NODE_TIMEOUT; rename it";
    let builder = || ServerBuilder::new().without("NODE_TIMEOUT");
    let log = builder().set("NODE_PATIENCE", "2").start().log();
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert_names(builder().set("NODE_PATIENCE", "0"), "NODE_PATIENCE");
    // The new name wins: a value of the old one that would be refused is not read.
    let log = builder().set("NODE_TIMEOUT", "2").set("NODE_PATIENCE", "0").start().log();
    assert!(!log.contains("NODE_PATIENCE"), "{log}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    spawn_app().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let refusal = ServerBuilder::new().set("BIND", &address).expect_refusal();
    assert!(refusal.output.contains(&address), "{}", refusal.output);
    assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
}

#[tokio::test]
async fn a_dotenv_file_in_the_working_directory_is_read() {
    let app = spawn_app().await;
    drop(app);
    let folder = tempfile::tempdir().expect("a folder");
    let url = crate::support::environment::database_url();
    std::fs::write(folder.path().join(".env"), format!("DATABASE_URL={url}\nSECRET_KEY=dev\n"))
        .expect(".env");
    let server = ServerBuilder::bare().without("SECRET_KEY").directory(folder.path()).start();
    App::of(&server).get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_dotenv_file_of_a_parent_folder_is_not_read() {
    spawn_app().await;
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("sub/deeper");
    std::fs::create_dir_all(&below).expect("folders");
    std::fs::write(folder.path().join(".env"), "NODE_TIMEOUT=nonsense\nBCRYPT_COST=99\n").expect(".env");
    let server =
        ServerBuilder::new().without("NODE_TIMEOUT").without("BCRYPT_COST").directory(&below).start();
    App::of(&server).get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_dotenv_file_that_others_could_have_written_stops_the_start() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    spawn_app().await;
    let start = |prepare: &dyn Fn(&std::path::Path)| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".env");
        prepare(&path);
        let refusal = ServerBuilder::new().directory(folder.path()).expect_refusal();
        assert!(refusal.output.contains(".env"), "{}", refusal.output);
        assert_eq!(refusal.output.trim().lines().count(), 1, "{}", refusal.output);
    };
    let write = |path: &std::path::Path, mode| {
        std::fs::write(path, "NODE_TIMEOUT=2\n").expect(".env");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    start(&|path| write(path, 0o646));
    start(&|path| std::fs::create_dir(path).expect("a folder"));
    start(&|path| rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).expect("a pipe"));
    start(&|path| {
        write(&path.with_file_name("elsewhere"), 0o666);
        symlink("elsewhere", path).expect("a link");
    });
    if rustix::process::geteuid().is_root() {
        start(&|path| {
            write(path, 0o644);
            chown(path, Some(65534), Some(65534)).expect("another owner");
        });
        start(&|path| {
            write(&path.with_file_name("elsewhere"), 0o644);
            symlink("elsewhere", path).expect("a link");
            std::os::unix::fs::lchown(path, Some(65534), Some(65534)).expect("another owner");
        });
    }
}

#[tokio::test]
async fn no_variable_of_a_dotenv_file_reaches_a_child_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "LD_PRELOAD=/nowhere/evil.so\nLD_LIBRARY_PATH=/nowhere\nPATH=/nowhere\nNODE_TIMEOUT=3\n";
    std::fs::write(folder.path().join(".env"), text).expect(".env");
    // The embedded database is a child process.
    let data = DataFolder::new();
    let builder = data.builder(&[]).without("NODE_TIMEOUT").without("PATH").directory(folder.path());
    let server = builder.start_async().await;
    assert!(!server.log().contains("/nowhere"), "{}", server.log());
    for child in children_of(server.pid) {
        let environment = std::fs::read(format!("/proc/{child}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(!environment.contains("/nowhere"), "{environment}");
    }
    App::of(&server).get("/readyz").await.expect(200);
}

fn children_of(pid: i32) -> Vec<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("a list");
    let children: Vec<i32> = children.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
    assert!(!children.is_empty(), "no child");
    children
}

#[tokio::test]
async fn the_previous_secret_key_still_reads_cookies() {
    let database = OwnDatabase::create().await;
    let (old, new) = (names::secret_key(), names::secret_key());
    let on = |key: &str| ServerBuilder::new().set("DATABASE_URL", &database.url).set("SECRET_KEY", key);
    let (cookie, person) = {
        let server = on(&old).start();
        let app = App::of(&server);
        let person = crate::support::Person::founder(&app).await;
        (person.browser(&app).await.cookie_header(), person)
    };
    let dashboard = Call::new("GET", "/dashboard").header("cookie", &cookie);
    {
        let server = on(&new).set("SECRET_KEY_PREVIOUS", &old).start();
        let app = App::of(&server);
        app.answer(dashboard.clone()).await.expect(200);
        let written = person.browser(&app).await.cookie_header();
        drop(server);
        let server = on(&new).start();
        let app = App::of(&server);
        let call = Call::new("GET", "/dashboard").header("cookie", written);
        app.answer(call).await.expect(200);
        app.answer(dashboard.clone()).await.expect(303);
    }
}

#[tokio::test]
async fn sigterm_lets_requests_finish_and_exits_cleanly() {
    let database = OwnDatabase::create().await;
    let server = ServerBuilder::new().set("DATABASE_URL", &database.url).set("TENANT_ROUTING", "off").start();
    let app = App::of(&server);
    let person = crate::support::Person::founder(&app).await;
    let script = person.script(&app).await;
    let mut client = database.client().await;
    let lock = client.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let waiting: Vec<_> = (0..12)
        .map(|_| {
            let script = script.clone();
            tokio::spawn(async move { script.get("/api/notes").await.status })
        })
        .collect();
    let watcher = database.client().await;
    let queued = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    for _ in 0..200 {
        let queued: i64 = watcher.query_one(queued, &[]).await.expect("a count").get(0);
        if queued == 12 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.signal(rustix::process::Signal::TERM);
    tokio::time::sleep(Duration::from_millis(100)).await;
    lock.rollback().await.expect("the lock is gone");
    for status in futures_util::future::join_all(waiting).await {
        assert_eq!(status.expect("an answer"), 200);
    }
    let mut server = server;
    assert_eq!(run_blocking(move || server.wait(Duration::from_secs(60))).await, 0);
}

#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    spawn_app().await;
    let server = ServerBuilder::new().start();
    let app = App::of(&server);
    app.get("/livez").await.expect(200);
    let _idle = tokio::net::TcpStream::connect(app.address).await.expect("a connection");
    let code = server.stop_async().await;
    assert_eq!(code, 0);
    let refused = Call::new("GET", "/livez").try_send(&app.http, &app.base).await;
    assert!(refused.is_err());
}

#[test]
fn the_help_lists_every_setting_of_the_example() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
    let example = std::fs::read_to_string(example).expect(".env.example");
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_pigeonhole"))
        .args(["serve", "--help"])
        .env_clear()
        .output()
        .expect("help");
    let help = String::from_utf8_lossy(&help.stdout);
    let names = example.lines().filter_map(|line| {
        let (name, _) = line.trim_start_matches(['#', ' ']).split_once('=')?;
        name.chars().all(|c| c.is_ascii_uppercase() || c == '_').then_some(name)
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(help.contains(name), "{name} is not in the help");
    }
}
