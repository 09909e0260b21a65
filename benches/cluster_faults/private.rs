//! The program with a private cluster in a folder of its own, and what can be done to its servers.

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

const START: Duration = Duration::from_secs(120);

/// A running program with its cluster.
pub struct Private {
    /// Where it answers.
    pub base: String,
    program: String,
    server: Child,
    directory: tempfile::TempDir,
}

impl Private {
    /// Starts it with two workers.
    pub async fn start(program: &str, bin: &str) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        // PostgreSQL's account must be able to walk through.
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
            .env("RUST_LOG", "error")
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            // Ctrl-C is ours to answer.
            .process_group(0)
            .spawn()?;
        let mut lines = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
        let line = tokio::time::timeout(START, lines.next_line())
            .await
            .map_err(|_| "the program did not start in time")??;
        let base = line.ok_or("the program ended while starting")?.trim().trim_end_matches('/').to_owned();
        Ok(Self { base, program: program.to_owned(), server, directory })
    }

    /// Ends it and its cluster.
    pub async fn stop(&mut self) -> Outcome<()> {
        let pid = self
            .server
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .ok_or("the program has ended")?;
        kill_process(pid, Signal::TERM)?;
        tokio::time::timeout(START, self.server.wait()).await??;
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The nodes' own ports, the coordinator's first.
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

    /// The group that holds a tenant's shard.
    pub async fn home(&self, tenant: i64) -> Outcome<i32> {
        let sql = "SELECT groupid FROM pg_dist_placement \
            WHERE shardid = get_shard_id_for_distribution_column('notes', $1::bigint)";
        Ok(self.coordinator().await?.query_one(sql, &[&tenant]).await?.get(0))
    }

    /// Tells the cluster that a node is at another port.
    pub async fn update_node(&self, group: i32, port: u16) -> Outcome<()> {
        let sql = "SELECT citus_update_node(nodeid, '127.0.0.1', $2) FROM pg_dist_node WHERE groupid = $1";
        self.coordinator().await?.query(sql, &[&group, &i32::from(port)]).await?;
        Ok(())
    }

    /// The server in this folder of the data folder.
    pub fn postmaster(&self, node: &str) -> Outcome<Pid> {
        let text = std::fs::read_to_string(self.data().join(node).join("pgdata/postmaster.pid"))?;
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
        pid.ok_or_else(|| "an empty pid file".into())
    }

    /// Runs the program with these words; a job that lasts longer than `patience` is stopped. Commands refuse
    /// while a node is slow to answer, and on a busy machine one may be, so there are three attempts.
    pub async fn command(&self, words: &[&str], patience: Duration) -> Outcome<()> {
        for _ in 0..2 {
            if self.try_command(words, patience).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        self.try_command(words, patience).await
    }

    async fn try_command(&self, words: &[&str], patience: Duration) -> Outcome<()> {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env_clear()
            .env("DATABASE_URL", self.url()?)
            .current_dir(self.directory.path())
            .stdout(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        if let Ok(ended) = tokio::time::timeout(patience, child.wait()).await {
            return if ended?.success() { Ok(()) } else { Err(format!("{words:?} failed").into()) };
        }
        eprintln!("{words:?} has lasted {} s and is stopped", patience.as_secs());
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

/// Kills a server as a crash does.
pub fn kill(postmaster: Pid) -> Outcome<()> {
    Ok(kill_process(postmaster, Signal::KILL)?)
}

/// A server and all its processes, stopped until this is dropped.
pub struct Frozen(Vec<Pid>);

impl Frozen {
    /// First the one that would start others.
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

/// Another port of a server; with all its connections it is gone when this is dropped.
pub struct Door {
    /// That port.
    pub port: u16,
    task: JoinHandle<()>,
}

impl Door {
    /// Opens one before the port `behind`.
    pub async fn open(behind: u16) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut guest, _)) = listener.accept().await {
                guests.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", behind)).await {
                        let _ = tokio::io::copy_bidirectional(&mut guest, &mut server).await;
                    }
                });
            }
        });
        Ok(Self { port, task })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}
