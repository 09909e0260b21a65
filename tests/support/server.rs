//! The real binary as a child process that cannot outlive the tests.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::command::{CommandOutput, SpawnedCommand};
use super::{TIMEOUT, environment, names, run_blocking};

/// Runs its arguments, and ends them when its own standard input closes, which happens however the tests end.
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
echo "pid $server"
( cat <&3 >/dev/null; kill -TERM $server; sleep 5; kill -KILL $server ) >/dev/null 2>&1 &
supervisor=$!
wait $server
code=$?
kill $supervisor 2>/dev/null
exit $code
"#;

/// Runs its arguments with standard output redirected to standard error, and with standard error redirected
/// to the file in the first argument, if that is not empty.
const TO_ERROR: &str = r#"
log=$1
shift
if [ -n "$log" ]; then exec "$@" >&2 2>"$log"; fi
exec "$@" >&2
"#;

const ANY_PORT: &str = "127.0.0.1:0";

/// How a server is started. Its environment holds only the settings given here.
#[derive(Clone)]
pub struct ServerBuilder {
    settings: BTreeMap<String, String>,
    arguments: Vec<String>,
    directory: Option<PathBuf>,
    subcommand: &'static str,
    console: bool,
}

/// Which streams of a process are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    Output,
    Both,
}

/// A running server, or a worker, which has no address.
pub struct Server {
    pub base: String,
    /// The operator's console; empty without [`ServerBuilder::with_console`].
    pub console: String,
    pub pid: i32,
    supervisor: Child,
    log: PathBuf,
    exit: Option<ExitStatus>,
    _directory: TempDir,
}

impl ServerBuilder {
    /// Development on a free port, with the tests' database.
    pub fn new() -> Self {
        // The login of the tests' database is a superuser.
        Self::bare().set("DATABASE_URL", environment::database_url()).set("ADMINISTRATOR_LOGIN", "on")
    }

    /// The same without DATABASE_URL: the server runs its own database.
    pub fn bare() -> Self {
        let builder = Self {
            settings: BTreeMap::new(),
            arguments: Vec::new(),
            directory: None,
            subcommand: "serve",
            console: false,
        };
        builder
            .set("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .set("BIND", ANY_PORT)
            .set("ADMIN_BIND", "off")
            // On a machine busy with other tests a slow node is not a dead one.
            .set("NODE_TIMEOUT", "15")
            // Hashing at the default cost would take most of the tests' time.
            .set("BCRYPT_COST", "10")
            // Tests send faster than people and scripts may.
            .set("LIMIT_REQUESTS", "none")
            .set("LIMIT_REQUESTS_PER_PERSON", "none")
            // All tests come from one address. The limits for one name stay as they are.
            .set("SIGN_UPS_PER_ADDRESS", "100000")
            .set("FAILURES_PER_ADDRESS", "100000")
            .set("ATTEMPTS_PER_ADDRESS", "100000")
            .set("CONNECTIONS_PER_ADDRESS", "2000")
            .set("MEMORY_BUDGET", "1024")
            .set("APP_ENV", "development")
            .set("SECRET_KEY", names::secret_key())
            .set("RUST_LOG", "info")
    }

    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// Arguments after the subcommand.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    pub fn directory(mut self, path: &Path) -> Self {
        self.directory = Some(path.to_owned());
        self
    }

    /// `pigeonhole worker` instead of `serve`. Its only address is ADMIN_BIND.
    pub fn worker(mut self) -> Self {
        self.subcommand = "worker";
        self
    }

    /// With an operator's console on a free port.
    pub fn with_console(mut self) -> Self {
        self.console = true;
        self.set("ADMIN_BIND", ANY_PORT)
    }

    fn command(&self, subcommand: &str, directory: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "supervisor", env!("CARGO_BIN_EXE_pigeonhole")])
            .arg(subcommand)
            .args(&self.arguments)
            .env_clear()
            .envs(self.own_data_folder(directory))
            .envs(&self.settings)
            .current_dir(self.directory.as_deref().unwrap_or(directory))
            .stdin(Stdio::piped());
        command
    }

    /// Uploads go to DATA_DIR. The embedded database needs one that its own account may enter.
    fn own_data_folder<'a>(&self, directory: &'a Path) -> Option<(&'static str, &'a Path)> {
        self.settings.contains_key("DATABASE_URL").then_some(("DATA_DIR", directory))
    }

    /// With PUBLIC_ORIGIN the server prints that origin and not its port, so the port is chosen here.
    fn with_known_port(self) -> (Self, Option<String>) {
        if !self.settings.contains_key("PUBLIC_ORIGIN") || self.settings["BIND"] != ANY_PORT {
            return (self, None);
        }
        let port = super::postgres::free_port();
        let base = format!("http://localhost:{port}");
        (self.set("BIND", format!("127.0.0.1:{port}")), Some(base))
    }

    /// Starts the process and waits for the address that it prints.
    pub fn try_start(self) -> Result<Server, CommandOutput> {
        let _alone = lock_cluster();
        self.try_start_unlocked()
    }

    /// The same without [`lock_cluster`], for tests that start several processes on one database.
    pub fn try_start_unlocked(self) -> Result<Server, CommandOutput> {
        let (builder, known) = self.with_known_port();
        let directory = tempfile::tempdir().expect("a temporary folder");
        let log = directory.path().join("server.log");
        let mut supervisor = builder
            .command(builder.subcommand, directory.path())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .expect("a server process");
        let (lines, received) = mpsc::channel();
        let output = BufReader::new(supervisor.stdout.take().expect("standard output"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let deadline = Instant::now() + TIMEOUT;
        let (mut pid, mut output) = (0, String::new());
        let mut bases: Vec<String> = Vec::new();
        let wanted = if builder.console { 2 } else { 1 };
        let addresses = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match received.recv_timeout(left) {
                Ok(line) if line.starts_with("pid ") => pid = line[4..].parse().expect("a pid"),
                Ok(line) if line == "working" => break Some((String::new(), String::new())),
                Ok(line) if line.contains("http://") || line.contains("https://") => {
                    let start = line.find("http").expect("an address");
                    let base = line[start..].split_whitespace().next().expect("an address");
                    bases.push(base.trim_end_matches('/').to_owned());
                    if bases.len() < wanted {
                        continue;
                    }
                    let console = bases.get(1).cloned().unwrap_or_default();
                    break Some((known.unwrap_or_else(|| bases.swap_remove(0)), console));
                }
                Ok(line) => output = output + &line + "\n",
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let log = std::fs::read_to_string(&log).unwrap_or_default();
                    panic!("no address within {TIMEOUT:?}:\n{output}{log}");
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break None,
            }
        };
        if let Some((base, console)) = addresses {
            return Ok(Server { base, console, pid, supervisor, log, exit: None, _directory: directory });
        }
        let code = supervisor.wait().expect("an exit code").code();
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        Err(CommandOutput { code, output: output + &log })
    }

    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|refusal| panic!("the server did not start: {refusal:?}"))
    }

    /// [`Self::start`] outside the runtime, so that other tasks of the test continue.
    pub async fn start_async(self) -> Server {
        run_blocking(move || self.start()).await
    }

    pub async fn refusal_async(self) -> CommandOutput {
        run_blocking(move || self.expect_refusal()).await
    }

    /// Fails the test if the server starts.
    pub fn expect_refusal(self) -> CommandOutput {
        match self.try_start() {
            Err(refusal) => {
                assert_ne!(refusal.code, Some(0), "{}", refusal.output);
                refusal
            }
            Ok(server) => panic!("the server started: {}", server.log()),
        }
    }

    /// Starts another subcommand, such as `migrate`.
    pub fn spawn(&self, subcommand: &str) -> SpawnedCommand {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let child = self
            .command(subcommand, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        SpawnedCommand::new(child, directory)
    }

    /// Starts a subcommand with a closed standard output. With `Streams::Both` standard error is closed too,
    /// and there is no log. The address is taken from BIND, which has to be set.
    pub fn spawn_unread(&self, subcommand: &str, streams: Streams) -> Server {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let log = directory.path().join("server.log");
        File::create(&log).expect("a log file");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "supervisor", "/bin/sh", "-c", TO_ERROR, "to-error"])
            .arg(if streams == Streams::Output { log.as_os_str() } else { std::ffi::OsStr::new("") })
            .arg(env!("CARGO_BIN_EXE_pigeonhole"))
            .args(subcommand.split_whitespace())
            .args(&self.arguments)
            .env_clear()
            .envs(self.own_data_folder(directory.path()))
            .envs(&self.settings)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(writer);
        let mut supervisor = command.spawn().expect("a process");
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().expect("standard output"))
            .read_line(&mut line)
            .expect("a line");
        let pid = line.trim().trim_start_matches("pid ").parse().expect("a pid");
        let base = self.settings.get("BIND").map_or_else(String::new, |bind| format!("http://{bind}"));
        Server { base, console: String::new(), pid, supervisor, log, exit: None, _directory: directory }
    }

    pub fn run(&self, subcommand: &str) -> CommandOutput {
        let _alone = lock_cluster();
        self.spawn(subcommand).finish()
    }
}

static CLUSTER: Mutex<()> = Mutex::new(());

/// Held while a process migrates. Citus copies roles to all workers while it distributes tables. Two tests
/// with databases on one cluster would conflict there; a real cluster has one such database.
pub fn lock_cluster() -> Option<MutexGuard<'static, ()>> {
    environment::on_citus().then(|| CLUSTER.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Server {
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("the log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn log_path(&self) -> &Path {
        &self.log
    }

    pub fn address(&self) -> std::net::SocketAddr {
        let port = self.base.rsplit(':').next().expect("a port");
        format!("127.0.0.1:{port}").parse().expect("an address")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Sends SIGTERM and returns the exit code. More than 128 is a signal.
    pub fn stop(mut self) -> i32 {
        self.signal(rustix::process::Signal::TERM);
        self.wait(Duration::from_secs(60))
    }

    pub async fn stop_async(self) -> i32 {
        run_blocking(move || self.stop()).await
    }

    pub fn kill(mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.wait(Duration::from_secs(30));
    }

    pub async fn kill_async(self) {
        run_blocking(move || self.kill()).await;
    }

    pub fn wait(&mut self, deadline: Duration) -> i32 {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if let Some(status) = self.supervisor.try_wait().expect("an exit status") {
                self.exit = Some(status);
                return status.code().expect("an exit code");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running after {deadline:?}:\n{}", self.log());
    }
}

impl Drop for Server {
    /// A failed test prints the last lines of its servers' logs.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("*** the last lines of the server at {:?}:", self.base);
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if self.exit.is_some() {
            return;
        }
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
