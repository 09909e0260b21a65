//! One node: a server with Citus loaded, a loopback port and a password.

use std::path::PathBuf;

use tokio_postgres::{Client, NoTls};

use super::super::account::ServerAccount;
use super::super::binaries::Binaries;
use super::super::error::EmbeddedError;
use super::super::folder::DataFolder;
use super::super::options::DATABASE;
use super::super::profile::ServerProfile;
use super::super::server::Server;
use super::super::supervision::Supervision;
use super::super::{initialization, leftovers, readiness, socket};
use super::record::{ClusterRecord, HOST};

/// Connections that a node accepts.
const CONNECTIONS: u32 = 200;

/// A running node.
#[derive(Debug)]
pub(super) struct EmbeddedNode {
    server: Server,
    supervision: Supervision,
    port: u16,
    // Dropped last, as with a single server.
    _folder: DataFolder,
}

impl EmbeddedNode {
    /// Starts a node; the coordinator has number 0. Returns when it answers and has the database.
    pub(super) async fn start(
        folder: DataFolder,
        binaries: &Binaries,
        account: Option<&ServerAccount>,
        record: &ClusterRecord,
        number: usize,
    ) -> Result<Self, EmbeddedError> {
        let port = record.ports[number];
        leftovers::clear(&folder).await?;
        initialization::ensure_initialized(&folder, binaries, account).await?;
        let socket_folder = socket::prepare(&folder, account, port)?;
        let server =
            Server::new(&folder, binaries, account.cloned(), socket_folder, profile(port, record, binaries))?;
        let mut postmaster = server.spawn()?;
        readiness::wait_until_ready(&server, &mut postmaster).await?;
        readiness::ensure_database(&server).await?;
        let supervision = Supervision::start(server.clone(), postmaster);
        Ok(Self { server, supervision, port, _folder: folder })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Connects to the application's database through the socket.
    pub(super) async fn connect(&self) -> Result<Client, EmbeddedError> {
        let (client, connection) =
            self.server.config(DATABASE).connect(NoTls).await.map_err(EmbeddedError::Database)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::trace!("a connection to a node ended: {error}");
            }
        });
        Ok(client)
    }

    pub(super) async fn stop(self) {
        self.supervision.stop().await;
    }
}

fn profile(port: u16, record: &ClusterRecord, binaries: &Binaries) -> ServerProfile {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut settings = vec![
        ("listen_addresses", HOST.to_owned()),
        ("hba_file", text(record.hba())),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("shared_preload_libraries", binaries.preloaded_libraries(&["citus"])),
        ("max_connections", CONNECTIONS.to_string()),
        // Each connection may take part in a distributed transaction, as its initiator and as a participant.
        ("max_prepared_transactions", (2 * CONNECTIONS).to_string()),
        // Moves of shards need these; with PostgreSQL's defaults a rebalance never starts.
        ("wal_level", "logical".to_owned()),
        ("max_worker_processes", "24".to_owned()),
        ("max_replication_slots", "24".to_owned()),
        ("max_wal_senders", "24".to_owned()),
        ("max_logical_replication_workers", "16".to_owned()),
        ("citus.local_hostname", HOST.to_owned()),
        // Another program that took a node's port may accept and not answer, and Citus' default of 30 s would
        // block all its work meanwhile.
        ("citus.node_connection_timeout", "3s".to_owned()),
        // The traffic does not leave the machine.
        ("citus.node_conninfo", "sslmode=prefer".to_owned()),
        ("citus.enable_statistics_collection", "off".to_owned()),
        // The console shows these statistics: statements of each tenant, and statements without a tenant.
        ("citus.stat_tenants_track", "all".to_owned()),
        ("citus.enable_stat_counters", "on".to_owned()),
    ];
    if binaries.knows_setting("output_plugin_libraries") {
        settings.push(("output_plugin_libraries", "pgoutput,test_decoding,citus".to_owned()));
    }
    ServerProfile { port, settings, environment: vec![("PGPASSFILE", record.passfile())] }
}
