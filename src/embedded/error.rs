//! What can keep the embedded PostgreSQL from starting. Each message says what the user can do.

use std::io;
use std::path::PathBuf;

use crate::db::versions::{NEWEST, OLDEST};

/// Why the embedded PostgreSQL did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL {OLDEST} to {NEWEST} found: run bin/dev, or `apt-get install postgresql`, or set \
         PG_BIN_DIR or DATABASE_URL"
    )]
    NotInstalled,
    #[error("PG_BIN_DIR {0} holds no `postgres` and `initdb` of PostgreSQL {OLDEST} to {NEWEST}")]
    UnusableBinDir(PathBuf),
    /// The data folder was made by a version that is missing now.
    #[error(
        "the data in {folder} was made by PostgreSQL {version}, which is not installed: `apt-get install \
         postgresql-{version}`, or set PG_BIN_DIR"
    )]
    VersionMissing {
        /// The folder with the tables.
        folder: PathBuf,
        /// The first line of its PG_VERSION.
        version: String,
    },
    /// The tables were made by a version that this program does not run.
    #[error(
        "the data in {folder} was made by PostgreSQL {version}; this program runs {OLDEST} to {NEWEST}: set \
         DATA_DIR to another folder"
    )]
    VersionUnknown {
        /// The folder with the tables.
        folder: PathBuf,
        /// The first line of its PG_VERSION.
        version: String,
    },
    /// Another process of ours holds the data folder.
    #[error("the data folder {folder} is in use by process {holder}")]
    InUse {
        folder: PathBuf,
        /// The process id, as far as it can be read.
        holder: String,
    },
    /// PostgreSQL refuses to run as root, and there is no other account.
    #[error(
        "PostgreSQL does not run as root and there is no account `pigeonhole` or `postgres`: start as an \
         ordinary user, or make the account (`useradd --system pigeonhole`)"
    )]
    NoAccount,
    /// The tables belong to an account that unrelated programs share.
    #[error(
        "the data in {folder} belongs to the account {account}, which other programs share and which could \
         then read it: make an account of its own (`useradd --system pigeonhole`) and give it the data \
         (`chown -R pigeonhole {folder}`)"
    )]
    SharedAccount {
        account: String,
        /// The folder with the tables.
        folder: PathBuf,
    },
    #[error(
        "PostgreSQL runs as the account {account}, which cannot enter {folder}: set {setting} to a folder \
         outside it"
    )]
    Unreachable {
        account: String,
        /// The first folder of the path that the account cannot enter.
        folder: PathBuf,
        /// The setting that names another path.
        setting: &'static str,
    },
    /// The folder of the socket could belong to another account.
    #[error("{folder} cannot hold the socket: it {reason}; remove it or set a shorter DATA_DIR")]
    UnsafeSocketFolder { folder: PathBuf, reason: &'static str },
    #[error("initdb failed: {0}")]
    Initialization(String),
    #[error("an earlier PostgreSQL (process {0}) still runs on this data folder and cannot be stopped")]
    LeftRunning(i32),
    #[error("PostgreSQL ended while starting ({status}); {log} says:\n{lines}")]
    Ended {
        status: String,
        log: PathBuf,
        /// The last lines of the log.
        lines: String,
    },
    #[error("PostgreSQL did not answer within {seconds} seconds; see {log}")]
    TimedOut { seconds: u64, log: PathBuf },
    #[error("cannot create the database in the embedded PostgreSQL")]
    Database(#[source] tokio_postgres::Error),
    /// A cluster was asked for where Citus is not installed.
    #[error(
        "the Citus extension is not installed for PostgreSQL {major}: add Citus' package repository \
         (https://install.citusdata.com/community/deb.sh) and install its postgresql-{major}-citus package, \
         or start without --workers"
    )]
    CitusMissing { major: u32 },
    #[error(
        "the cluster in {folder} has {existing} workers; fewer would leave data behind, so start with \
         --workers {existing} or without it"
    )]
    FewerWorkers {
        folder: PathBuf,
        /// The number of workers that hold data.
        existing: usize,
    },
    /// A file of the cluster has impossible contents.
    #[error("{0} is damaged; restore it from a backup")]
    Damaged(PathBuf),
    #[error("cannot join the nodes of the cluster: {0}")]
    Joining(String),
    #[error("cannot {action} {path}: {cause}")]
    Io {
        action: &'static str,
        path: PathBuf,
        /// Part of the message, hence not also its source.
        cause: io::Error,
    },
}

/// Adds the action and the path to an `io::Error`.
pub(super) trait IoContext<T> {
    fn io_context(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn io_context(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError> {
        self.map_err(|cause| EmbeddedError::Io { action, path: path.into(), cause })
    }
}
