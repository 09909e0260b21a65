//! What can keep the embedded PostgreSQL from starting, each said so that the reader knows what to do.

use std::io;
use std::path::PathBuf;

use crate::db::versions::{NEWEST, OLDEST};

/// Why the embedded PostgreSQL did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No usable PostgreSQL on this machine.
    #[error(
        "no PostgreSQL {OLDEST} to {NEWEST} found: run bin/dev, or `apt-get install postgresql`, or set \
         PG_BIN_DIR or DATABASE_URL"
    )]
    NotInstalled,
    /// The folder named by the settings is not usable.
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
        /// The data folder.
        folder: PathBuf,
        /// The process id, as far as it can be read.
        holder: String,
    },
    /// PostgreSQL refuses to run as root and there is nobody else to run it.
    #[error(
        "PostgreSQL does not run as root and there is no account `postgres` or `nobody`: start as an \
         ordinary user"
    )]
    NoAccount,
    /// The account that PostgreSQL runs as cannot get to a folder.
    #[error(
        "PostgreSQL runs as the account {account}, which cannot enter {closed}: set {setting} to a folder \
         outside it"
    )]
    Closed {
        /// The account's name.
        account: String,
        /// The first folder on the way that is closed.
        closed: PathBuf,
        /// The setting that leads elsewhere.
        setting: &'static str,
    },
    /// Somebody else's folder stands where the socket should be.
    #[error("{folder} cannot hold the socket: it {reason}; remove it or set a shorter DATA_DIR")]
    UnsafeSocketFolder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// initdb failed.
    #[error("initdb failed: {0}")]
    Initialization(String),
    /// An earlier server on this folder does not go away.
    #[error("an earlier PostgreSQL (process {0}) still runs on this data folder and cannot be stopped")]
    LeftRunning(i32),
    /// PostgreSQL ended while starting.
    #[error("PostgreSQL ended while starting ({status}); {log} says:\n{lines}")]
    Ended {
        /// How it ended.
        status: String,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        lines: String,
    },
    /// PostgreSQL did not answer in time.
    #[error("PostgreSQL did not answer within {seconds} seconds; see {log}")]
    Silent {
        /// How long was waited.
        seconds: u64,
        /// The log file.
        log: PathBuf,
    },
    /// The database could not be created.
    #[error("cannot create the database in the embedded PostgreSQL")]
    Database(#[source] tokio_postgres::Error),
    /// A cluster was asked for where Citus is not installed.
    #[error(
        "the Citus extension is not installed for PostgreSQL {major}: add Citus' package repository \
         (https://install.citusdata.com/community/deb.sh) and install its postgresql-{major}-citus package, \
         or start without --workers"
    )]
    CitusMissing {
        /// The version of PostgreSQL that was found.
        major: u32,
    },
    /// Fewer workers than hold data.
    #[error(
        "the cluster in {folder} has {existing} workers; fewer would leave data behind, so start with \
         --workers {existing} or without it"
    )]
    FewerWorkers {
        /// The data folder.
        folder: PathBuf,
        /// How many there are.
        existing: usize,
    },
    /// A file of the cluster says something impossible.
    #[error("{0} is damaged; restore it from a backup")]
    Damaged(PathBuf),
    /// The nodes could not be joined.
    #[error("cannot join the nodes of the cluster: {0}")]
    Joining(String),
    /// The operating system refused something.
    #[error("cannot {action} {path}: {cause}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said. Part of the sentence, hence not a source on top of it.
        cause: io::Error,
    },
}

/// Adds to an io::Error what was tried on which file.
pub(super) trait Tried<T> {
    fn tried(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError> {
        self.map_err(|cause| EmbeddedError::Io { action, path: path.into(), cause })
    }
}
