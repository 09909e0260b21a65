//! A private PostgreSQL that belongs to one data folder: found on the machine, initialised, started,
//! watched, stopped. It is reached through a Unix socket only, in a folder that only its account enters.
//! Where the Citus extension is installed it can be a whole [`cluster`](EmbeddedCluster), on loopback ports
//! with a password. No SQL of the application lives here and nothing here knows about tenants; `cli` alone
//! calls it, and only where no DATABASE_URL is set.

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod initialization;
mod leftovers;
mod process;
mod profile;
mod readiness;
mod server;
mod socket;
mod supervision;

pub use cluster::EmbeddedCluster;
pub use error::EmbeddedError;

use std::path::PathBuf;

use account::Account;
use binaries::Binaries;
use folder::DataFolder;
use profile::Profile;
use server::Server;
use supervision::Supervision;

/// The database that [`EmbeddedPostgres::start`] creates for the application.
const DATABASE: &str = "pigeonhole";
/// The superuser of the embedded server.
const SUPERUSER: &str = "postgres";
/// Only part of the socket's file name: a server alone has no TCP port.
const PORT: u16 = 5432;

/// What the embedded PostgreSQL needs to know.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Holds the tables, the log, the lock and the socket; made when missing.
    pub data_dir: PathBuf,
    /// The folder with `postgres` and `initdb`; searched for when `None`.
    pub pg_bin_dir: Option<PathBuf>,
}

/// A running private PostgreSQL. End it with [`EmbeddedPostgres::stop`]; when it is dropped instead,
/// PostgreSQL is told to shut down but not waited for.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Server,
    supervision: Supervision,
    // Released last, so that no second start finds the folder free while PostgreSQL still stops.
    _folder: DataFolder,
}

impl EmbeddedPostgres {
    /// Starts PostgreSQL on the data folder and returns when it answers, at most a minute later.
    pub async fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let folder = DataFolder::claim(&options.data_dir)?;
        let account = Account::for_server(&folder.tables())?;
        folder.admit(account.as_ref())?;
        let binaries = Binaries::find(options.pg_bin_dir.as_deref(), folder.version()?)?;
        binaries.admit(account.as_ref())?;

        leftovers::clear(&folder).await?;
        initialization::ensure_initialized(&folder, &binaries, account.as_ref()).await?;
        let socket_folder = socket::prepare(&folder, account.as_ref(), PORT)?;

        let server = Server::new(&folder, &binaries, account, socket_folder, Profile::alone(&binaries))?;
        let mut postmaster = server.spawn()?;
        readiness::wait_until_ready(&server, &mut postmaster).await?;
        readiness::ensure_database(&server).await?;
        log::info!("embedded PostgreSQL {} runs in {}", binaries.major, folder.path().display());
        let supervision = Supervision::begin(server.clone(), postmaster);
        Ok(Self { server, supervision, _folder: folder })
    }

    /// How to connect: the socket folder, the superuser and the database `pigeonhole`.
    pub fn config(&self) -> tokio_postgres::Config {
        self.server.config(DATABASE)
    }

    /// Shuts PostgreSQL down: clients are disconnected and everything is written out.
    pub async fn stop(self) {
        self.supervision.end().await;
    }
}
