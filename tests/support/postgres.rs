//! A PostgreSQL server for one test, which can be killed and restarted.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::environment;

const SUPERVISOR: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null >/dev/null 2>&1 &
server=$!
( cat <&3 >/dev/null; kill -QUIT $server ) >/dev/null 2>&1 &
supervisor=$!
wait $server
kill $supervisor 2>/dev/null
"#;

pub struct Postgres {
    pub url: String,
    port: u16,
    data: PathBuf,
    settings: Vec<String>,
    supervisor: Option<Child>,
    _directory: TempDir,
}

impl Postgres {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With settings such as `wal_level=logical`.
    pub fn start_with(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        allow_all_accounts(directory.path());
        let data = directory.path().join("data");
        std::fs::create_dir(&data).expect("a data folder");
        if rustix::process::getuid().is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&data).status();
            assert!(owned.expect("chown").success());
        }
        let made = command_as_postgres("initdb")
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(made.status.success(), "{made:?}");
        let port = free_port();
        let settings = settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect();
        let mut postgres =
            Self { url: url_at(port), port, data, settings, supervisor: None, _directory: directory };
        postgres.resume();
        postgres
    }

    /// Starts the server, also after [`Postgres::kill`], and waits until it answers.
    pub fn resume(&mut self) {
        let mut wrapped = Command::new("/bin/sh");
        let server = command_as_postgres("postgres");
        wrapped
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off"])
            .args(&self.settings)
            .stdin(Stdio::piped());
        self.supervisor = Some(wrapped.spawn().expect("postgres"));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The same at another port, as a server that has moved.
    pub fn resume_elsewhere(&mut self) {
        self.port = free_port();
        self.url = url_at(self.port);
        self.resume();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new(environment::postgres_bin().join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status();
        asked.expect("pg_isready").success()
    }

    /// Kills the server and all its backends with SIGKILL, as in a crash.
    pub fn kill(&mut self) {
        let lock = std::fs::read_to_string(self.data.join("postmaster.pid")).expect("a pid file");
        let pid = lock.lines().next().expect("a pid").trim().parse().expect("a pid");
        let process_tree: Vec<i32> = std::iter::once(pid).chain(children_of(pid)).collect();
        for pid in process_tree {
            let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        if let Some(mut supervisor) = self.supervisor.take() {
            supervisor.wait().expect("the end");
        }
    }
}

fn children_of(parent: i32) -> Vec<i32> {
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in parentheses may contain spaces; the parent's pid is the second field after it.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

fn url_at(port: u16) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/postgres")
}

/// PostgreSQL refuses to run as root.
fn command_as_postgres(program: &str) -> Command {
    let program = environment::postgres_bin().join(program);
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    command.arg(program);
    command
}

fn allow_all_accounts(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, open).expect("an open folder");
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
