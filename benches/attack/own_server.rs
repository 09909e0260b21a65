//! The server that is attacked unless a URL is given: the release with its embedded database, or with an
//! embedded Citus cluster, in a temporary folder.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::options::Options;
use crate::stage::Target;

/// A cluster with its migrations needs most of it on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(180);
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// The limit of open files with which a server starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// The shell's.
    Shell,
    /// A soft limit of 1,024, which systemd gives services. The server may raise it.
    Soft,
    /// A hard limit of 1,024.
    Hard,
}

/// Runs its arguments with a limit of open files, and ends them when its own standard input closes,
/// which happens however this program ends.
const SUPERVISOR: &str = r#"
case $1 in
Soft) ulimit -Sn 1024 ;;
Hard) ulimit -n 1024 ;;
esac
shift
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
echo "pid $server"
( cat <&3 >/dev/null; kill -TERM $server; sleep 30; kill -KILL $server ) >/dev/null 2>&1 &
watcher=$!
wait $server
code=$?
kill $watcher 2>/dev/null
exit $code
"#;

/// A server of our own, started again for each attack on the same data.
pub struct OwnServer {
    program: String,
    postgres: Option<String>,
    cluster: bool,
    key: String,
    folder: TempDir,
    running: Option<(Child, Pid)>,
}

impl OwnServer {
    /// Makes the folder; nothing is started yet.
    pub fn new(options: &Options) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        // PostgreSQL's account must be able to enter the folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut key = [0_u8; 64];
        getrandom::fill(&mut key)?;
        Ok(Self {
            program: options.binary.clone(),
            postgres: options.postgres.clone(),
            cluster: options.cluster,
            key: hex::encode(key),
            folder,
            running: None,
        })
    }

    /// Starts the server.
    pub async fn start(&mut self, files: Files) -> Outcome<Target> {
        let log = self.folder.path().join("server.log");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISOR, "supervisor", &format!("{files:?}"), &self.program]);
        command.arg("serve").args(if self.cluster { &["--workers", "2"][..] } else { &[] }).env_clear();
        self.set_environment(&mut command);
        let mut child = command
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            // Ctrl-C must reach this program alone, which then stops the server.
            .process_group(0)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let (mut pid, mut bases) = (None, Vec::new());
        while bases.len() < 2 {
            let line = tokio::time::timeout(START_TIMEOUT, lines.next_line())
                .await
                .map_err(|_| "the server did not start in time")??;
            let Some(line) = line else {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("the server ended while it started:\n{log}").into());
            };
            if let Some(number) = line.strip_prefix("pid ") {
                pid = Pid::from_raw(number.parse()?);
            } else if let Some(port) = port_of(&line) {
                bases.push(format!("http://127.0.0.1:{port}"));
            }
        }
        let pid = pid.ok_or("the server's process is not known")?;
        self.running = Some((child, pid));
        let console = bases.pop();
        let mut target = Target::at(bases.pop().ok_or("no address")?)?;
        (target.console, target.pid) = (console, Some(pid.as_raw_nonzero().get()));
        (target.data, target.log) = (Some(self.folder.path().join("data")), Some(log));
        Ok(target)
    }

    fn set_environment(&self, command: &mut Command) {
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("DATA_DIR", self.folder.path().join("data"))
            .env("BIND", "127.0.0.1:0")
            .env("ADMIN_BIND", "127.0.0.1:0")
            .env("APP_ENV", "development")
            .env("SECRET_KEY", &self.key)
            .env("RUST_LOG", "info");
        if let Some(folder) = &self.postgres {
            command.env("PG_BIN_DIR", folder);
        }
    }

    /// Stops the server. One that does not stop in time is killed.
    pub async fn stop(&mut self) -> Outcome<()> {
        let Some((mut child, pid)) = self.running.take() else { return Ok(()) };
        let _ = kill_process(pid, Signal::TERM);
        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
            let _ = kill_process(pid, Signal::KILL);
            child.wait().await?;
        }
        Ok(())
    }
}

impl Drop for OwnServer {
    /// Waits for the supervisor, which stops the server, so that the folder can be removed.
    fn drop(&mut self) {
        let Some((mut child, _)) = self.running.take() else { return };
        drop(child.stdin.take());
        for _ in 0..600 {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The port in a line such as `http://localhost:5000`.
fn port_of(line: &str) -> Option<u16> {
    let address = line[line.find("http://")?..].split_whitespace().next()?;
    address.trim_end_matches('/').rsplit(':').next()?.parse().ok()
}

/// The size of a log, in bytes.
pub fn log_size(log: Option<&Path>) -> u64 {
    log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |metadata| metadata.len())
}
