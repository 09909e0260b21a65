//! A running program with a private cluster in a temporary folder, and faults of its servers.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::{Client, NoTls};

use super::Outcome;

/// For starting and for stopping the program.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A running program with its cluster.
pub struct PrivateCluster {
    /// The base URL of the program.
    pub base: String,
    program: String,
    server: Child,
    directory: tempfile::TempDir,
}

impl PrivateCluster {
    /// Starts the program with two workers; `bin` is the folder of PostgreSQL's programs.
    pub async fn start(program: &str, bin: &str) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        // PostgreSQL's account must be able to enter the folder.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut key = [0_u8; 64];
        getrandom::fill(&mut key)?;
        let mut server = Command::new(program)
            .args(["serve", "--workers", "2"])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("DATA_DIR", directory.path().join("data"))
            .env("PG_BIN_DIR", bin)
            .env("BIND", "127.0.0.1:0")
            .env("ADMIN_BIND", "off")
            .env("SECRET_KEY", key.map(|byte| format!("{byte:02x}")).concat())
            // The load signs up without a pause, from one address.
            .env("SIGN_UPS_PER_ADDRESS", "100000")
            .env("ATTEMPTS_PER_ADDRESS", "100000")
            .env("RUST_LOG", "error")
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            // Ctrl-C must reach this program alone, which then stops the cluster.
            .process_group(0)
            .spawn()?;
        let mut lines = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
        let line = tokio::time::timeout(TIMEOUT, lines.next_line())
            .await
            .map_err(|_| "the program did not start in time")??;
        let base = line.ok_or("the program ended while starting")?.trim().trim_end_matches('/').to_owned();
        Ok(Self { base, program: program.to_owned(), server, directory })
    }

    /// Stops the program and its cluster.
    pub async fn stop(&mut self) -> Outcome<()> {
        let pid = self
            .server
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .ok_or("the program has ended")?;
        kill_process(pid, Signal::TERM)?;
        tokio::time::timeout(TIMEOUT, self.server.wait()).await??;
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The ports of the nodes, the coordinator's first.
    pub fn ports(&self) -> Outcome<Vec<u16>> {
        let text = std::fs::read_to_string(self.data().join("cluster/ports"))?;
        Ok(text.lines().map(str::parse).collect::<Result<_, _>>()?)
    }

    fn url(&self) -> Outcome<String> {
        let password = std::fs::read_to_string(self.data().join("cluster/password"))?;
        Ok(format!("postgresql://postgres:{}@127.0.0.1:{}/pigeonhole", password.trim(), self.ports()?[0]))
    }

    async fn coordinator(&self) -> Outcome<Client> {
        let config: tokio_postgres::Config = self.url()?.parse()?;
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The node group that holds a tenant's shard.
    pub async fn group_of(&self, tenant: i64) -> Outcome<i32> {
        let sql = "SELECT groupid FROM pg_dist_placement \
            WHERE shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
        Ok(self.coordinator().await?.query_one(sql, &[&tenant]).await?.get(0))
    }

    /// Changes the port of a node in the cluster's metadata.
    pub async fn update_node(&self, group: i32, port: u16) -> Outcome<()> {
        let sql = "SELECT citus_update_node(nodeid, '127.0.0.1', $2) FROM pg_dist_node WHERE groupid = $1";
        self.coordinator().await?.query(sql, &[&group, &i32::from(port)]).await?;
        Ok(())
    }

    /// The process id of the server in this folder below the data folder.
    pub fn postmaster(&self, node: &str) -> Outcome<Pid> {
        let text = std::fs::read_to_string(self.data().join(node).join("pgdata/postmaster.pid"))?;
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
        pid.ok_or_else(|| "an empty pid file".into())
    }

    /// Runs the program with these arguments, and stops its job after `timeout`. Tries three times, because
    /// commands refuse while a node answers slowly, which happens on a busy machine.
    pub async fn command(&self, arguments: &[&str], timeout: Duration) -> Outcome<()> {
        for _ in 0..2 {
            if self.try_command(arguments, timeout).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        self.try_command(arguments, timeout).await
    }

    async fn try_command(&self, arguments: &[&str], timeout: Duration) -> Outcome<()> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", self.url()?)
            .current_dir(self.directory.path())
            .stdout(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        if let Ok(ended) = tokio::time::timeout(timeout, child.wait()).await {
            return if ended?.success() { Ok(()) } else { Err(format!("{arguments:?} failed").into()) };
        }
        eprintln!("{arguments:?} has lasted {} s and is stopped", timeout.as_secs());
        child.kill().await?;
        let mut stop = Command::new(&self.program);
        stop.args(["cluster", "stop", "--yes"])
            .env_clear()
            .env("DATABASE_URL", self.url()?)
            .stdout(Stdio::null());
        stop.current_dir(self.directory.path()).status().await?;
        Ok(())
    }
}

/// Kills a server with SIGKILL, as in a crash.
pub fn kill(postmaster: Pid) -> Outcome<()> {
    Ok(kill_process(postmaster, Signal::KILL)?)
}

/// A server whose processes are all stopped (SIGSTOP) until this is dropped.
pub struct Frozen(Vec<Pid>);

impl Frozen {
    /// Stops the postmaster first, which would start other processes.
    pub fn freeze(postmaster: Pid) -> Outcome<Self> {
        kill_process(postmaster, Signal::STOP)?;
        let mut all = Self(vec![postmaster]);
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", postmaster.as_raw_nonzero()))?;
        for pid in children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            let _ = kill_process(pid, Signal::STOP);
            all.0.push(pid);
        }
        Ok(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}

/// Forwards a port to a server. Dropping it closes the port and all its connections.
pub struct PortForward {
    pub port: u16,
    task: JoinHandle<()>,
}

impl PortForward {
    /// Opens a free port that forwards to `target`.
    pub async fn open(target: u16) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Ok(Self { port, task })
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        self.task.abort();
    }
}
