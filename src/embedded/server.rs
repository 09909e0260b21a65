//! One PostgreSQL server: its command line, its connections and its shutdown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use postgresql_commands::CommandBuilder;
use postgresql_commands::postgres::PostgresBuilder;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::timeout;

use super::account::ServerAccount;
use super::binaries::Binaries;
use super::error::{EmbeddedError, IoContext};
use super::folder::DataFolder;
use super::options::SUPERUSER;
use super::process::detached;
use super::profile::ServerProfile;

const FAST_SHUTDOWN: Duration = Duration::from_secs(20);
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(5);
const SHOWN_LOG_LINES: usize = 8;

/// Everything that is needed to start the same server again. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Server(Arc<ServerParts>);

#[derive(Debug)]
struct ServerParts {
    binaries: Binaries,
    account: Option<ServerAccount>,
    tables: PathBuf,
    socket_folder: PathBuf,
    profile: ServerProfile,
    log: PathBuf,
    log_file: fs::File,
    /// The length of the log when this start began.
    log_start: u64,
}

impl Server {
    pub(super) fn new(
        folder: &DataFolder,
        binaries: &Binaries,
        account: Option<ServerAccount>,
        socket_folder: PathBuf,
        profile: ServerProfile,
    ) -> Result<Self, EmbeddedError> {
        let log_file = folder.open_log()?;
        let log_start = log_file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self(Arc::new(ServerParts {
            binaries: binaries.clone(),
            account,
            tables: folder.tables(),
            socket_folder,
            profile,
            log: folder.log(),
            log_file,
            log_start,
        })))
    }

    pub(super) fn log(&self) -> &Path {
        &self.0.log
    }

    /// How to connect through the socket. Access is limited by the socket's folder, so there is no password.
    pub(super) fn config(&self, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.0.socket_folder).port(self.0.profile.port).user(SUPERUSER).dbname(database);
        config
    }

    pub(super) fn spawn(&self) -> Result<Postmaster, EmbeddedError> {
        let program = self.0.binaries.dir.join("postgres");
        let log_file = self.0.log_file.try_clone().io_context("open", &self.0.log)?;
        let mut command = detached(self.command(), self.0.account.as_ref());
        command.envs(self.0.profile.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(log_file.try_clone().io_context("open", &self.0.log)?).stderr(log_file);
        let child = tokio::process::Command::from(command).spawn().io_context("run", program)?;
        Ok(Postmaster(child))
    }

    fn command(&self) -> Command {
        let port = self.0.profile.port.to_string();
        let socket_folder = quoted(&self.0.socket_folder);
        // On the command line, because that wins over the files of the data folder.
        let settings = [
            ("port", port.as_str()),
            ("unix_socket_directories", &socket_folder),
            ("unix_socket_permissions", "0700"),
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("ssl", "off"),
            ("cluster_name", "pigeonhole"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_destination", "stderr"),
            ("logging_collector", "off"),
            ("log_line_prefix", "%m [%p] "),
            // DETAIL lines quote rows, and users' texts must not be logged.
            ("log_error_verbosity", "terse"),
        ];
        settings
            .into_iter()
            .chain(self.0.profile.settings.iter().map(|(name, value)| (*name, value.as_str())))
            .fold(PostgresBuilder::new(), |builder, (name, value)| builder.runtime_param(name, value))
            .program_dir(&self.0.binaries.dir)
            .data_dir(&self.0.tables)
            .build()
    }

    /// The last lines that PostgreSQL logged since this start.
    pub(super) fn last_log_lines(&self) -> String {
        let bytes = fs::read(&self.0.log).unwrap_or_default();
        let start = usize::try_from(self.0.log_start).unwrap_or(0).min(bytes.len());
        let text = String::from_utf8_lossy(&bytes[start..]);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n")
    }
}

/// Quotes a folder for a list of folders, where a comma in the name would split it.
fn quoted(folder: &Path) -> String {
    format!("\"{}\"", folder.to_string_lossy().replace('"', "\"\""))
}

/// The server's first process. If it is dropped while it runs, it gets the signal to shut down.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    /// The exit status, if the process has ended.
    pub(super) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Tries a fast shutdown, then an immediate one, after which the next start recovers, and then SIGKILL.
    pub(super) async fn stop(mut self) {
        let steps = [(Signal::INT, FAST_SHUTDOWN), (Signal::QUIT, IMMEDIATE_SHUTDOWN)];
        for (signal, limit) in steps {
            self.signal(signal);
            if timeout(limit, self.0.wait()).await.is_ok() {
                return;
            }
            log::warn!("PostgreSQL did not stop within {} seconds", limit.as_secs());
        }
        let _ = self.0.kill().await;
    }

    fn signal(&self, signal: Signal) {
        // There is no id once the child was waited for, so no other process can get the signal.
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}
