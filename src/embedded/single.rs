//! One server without Citus, which is reached through its socket only.

use super::account::ServerAccount;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::folder::DataFolder;
use super::options::{DATABASE, EmbeddedOptions};
use super::profile::{SOCKET_PORT, ServerProfile};
use super::server::Server;
use super::supervision::Supervision;
use super::{initialization, leftovers, readiness, socket};

/// A running private PostgreSQL. End it with [`EmbeddedPostgres::stop`]. If it is dropped instead, PostgreSQL
/// gets the signal to shut down, but nothing waits for it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Server,
    supervision: Supervision,
    // Dropped last: the folder stays locked against a second start while PostgreSQL still stops.
    _folder: DataFolder,
}

impl EmbeddedPostgres {
    /// Starts PostgreSQL on the data folder. Returns when it answers, at most a minute later.
    pub async fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let folder = DataFolder::lock(&options.data_dir)?;
        let account = ServerAccount::choose(&folder.tables())?;
        folder.ensure_reachable(account.as_ref())?;
        let binaries = Binaries::find(options.pg_bin_dir.as_deref(), folder.version()?)?;
        binaries.ensure_reachable(account.as_ref())?;

        leftovers::clear(&folder).await?;
        initialization::ensure_initialized(&folder, &binaries, account.as_ref()).await?;
        let socket_folder = socket::prepare(&folder, account.as_ref(), SOCKET_PORT)?;

        let profile = ServerProfile::single(&binaries);
        let server = Server::new(&folder, &binaries, account, socket_folder, profile)?;
        let mut postmaster = server.spawn()?;
        readiness::wait_until_ready(&server, &mut postmaster).await?;
        readiness::ensure_database(&server).await?;
        log::info!("embedded PostgreSQL {} runs in {}", binaries.major, folder.path().display());
        let supervision = Supervision::start(server.clone(), postmaster);
        Ok(Self { server, supervision, _folder: folder })
    }

    /// How to connect: the socket's folder, the superuser and the database `pigeonhole`.
    pub fn config(&self) -> tokio_postgres::Config {
        self.server.config(DATABASE)
    }

    /// Shuts PostgreSQL down: it disconnects its clients and writes everything to disk.
    pub async fn stop(self) {
        self.supervision.stop().await;
    }
}
