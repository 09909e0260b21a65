//! A `pigeonhole serve` that a bench starts and stops.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::outcome::Outcome;

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

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// The current folder.
    pub folder: PathBuf,
    /// The file that gets the standard error.
    pub log: PathBuf,
    pub files: Files,
    /// How many addresses the server prints: of the application, and of the console if it has one.
    pub addresses: usize,
}

/// A running server.
pub struct ServerProcess {
    supervisor: Child,
    pid: Pid,
    /// The address of the application, such as `http://127.0.0.1:5000`.
    pub base: String,
    /// The address of the console.
    pub console: Option<String>,
}

impl ServerProcess {
    /// Starts a server and waits until it has printed its addresses.
    ///
    /// # Errors
    /// The log of a server that ended, or that it did not start in time.
    pub async fn start(given: &ServerCommand) -> Outcome<Self> {
        let mut supervisor = spawn(given)?;
        let mut lines = BufReader::new(supervisor.stdout.take().ok_or("no output")?).lines();
        let (mut pid, mut bases) = (None, Vec::new());
        while bases.len() < given.addresses {
            let line = tokio::time::timeout(START_TIMEOUT, lines.next_line())
                .await
                .map_err(|_| "the server did not start in time")??;
            let Some(line) = line else {
                let log = std::fs::read_to_string(&given.log).unwrap_or_default();
                return Err(format!("the server ended while it started:\n{log}").into());
            };
            if let Some(number) = line.strip_prefix("pid ") {
                pid = Pid::from_raw(number.parse()?);
            } else if let Some(port) = port_of(&line) {
                bases.push(format!("http://127.0.0.1:{port}"));
            }
        }
        let pid = pid.ok_or("the server's process is not known")?;
        let mut bases = bases.into_iter();
        let base = bases.next().ok_or("no address")?;
        Ok(Self { supervisor, pid, base, console: bases.next() })
    }

    /// The server's process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Stops the server. One that does not stop in time is killed.
    pub async fn stop(mut self) -> Outcome<()> {
        let _ = kill_process(self.pid, Signal::TERM);
        if tokio::time::timeout(STOP_TIMEOUT, self.supervisor.wait()).await.is_err() {
            let _ = kill_process(self.pid, Signal::KILL);
            self.supervisor.wait().await?;
        }
        Ok(())
    }
}

fn spawn(given: &ServerCommand) -> std::io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SUPERVISOR, "supervisor", &format!("{:?}", given.files)]);
    command
        .args(&given.command)
        .env_clear()
        .envs(given.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&given.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&given.log)?)
        // Ctrl-C must reach the bench alone, which then stops the server.
        .process_group(0)
        .spawn()
}

impl Drop for ServerProcess {
    /// Waits for the supervisor, which stops the server, so that its folder can be removed.
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        for _ in 0..600 {
            if matches!(self.supervisor.try_wait(), Ok(Some(_)) | Err(_)) {
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
