//! One node: a server with Citus loaded, a loopback port and a password.

use std::path::PathBuf;

use tokio_postgres::{Client, NoTls};

use super::super::account::Account;
use super::super::binaries::Binaries;
use super::super::error::EmbeddedError;
use super::super::folder::DataFolder;
use super::super::profile::Profile;
use super::super::server::Server;
use super::super::supervision::Supervision;
use super::super::{DATABASE, initialization, leftovers, readiness, socket};
use super::record::{HOST, Record};

const CONNECTIONS: u32 = 200;

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    server: Server,
    supervision: Supervision,
    port: u16,
    // Released last, as with a server alone.
    _folder: DataFolder,
}

impl Node {
    /// Starts the node with that number, the coordinator being 0, and returns when it answers and has the
    /// database.
    pub async fn start(
        folder: DataFolder,
        binaries: &Binaries,
        account: Option<&Account>,
        record: &Record,
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
        let supervision = Supervision::begin(server.clone(), postmaster);
        Ok(Self { server, supervision, port, _folder: folder })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection to the application's database through the socket.
    pub async fn connect(&self) -> Result<Client, EmbeddedError> {
        let (client, connection) =
            self.server.config(DATABASE).connect(NoTls).await.map_err(EmbeddedError::Database)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::trace!("a connection to a node ended: {error}");
            }
        });
        Ok(client)
    }

    pub async fn stop(self) {
        self.supervision.end().await;
    }
}

fn profile(port: u16, record: &Record, binaries: &Binaries) -> Profile {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut settings = vec![
        ("listen_addresses", HOST.to_owned()),
        ("hba_file", text(record.hba())),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("shared_preload_libraries", binaries.preloaded(&["citus"])),
        ("max_connections", CONNECTIONS.to_string()),
        // Every connection may hold a part of a distributed transaction, on the way out and on the way in.
        ("max_prepared_transactions", (2 * CONNECTIONS).to_string()),
        // Moving shards needs these; with PostgreSQL's own values a rebalance never starts.
        ("wal_level", "logical".to_owned()),
        ("max_worker_processes", "24".to_owned()),
        ("max_replication_slots", "24".to_owned()),
        ("max_wal_senders", "24".to_owned()),
        ("max_logical_replication_workers", "16".to_owned()),
        ("citus.local_hostname", HOST.to_owned()),
        // Whoever took a node's port may accept and say nothing, and Citus' own half a minute holds up all it
        // does then.
        ("citus.node_connection_timeout", "3s".to_owned()),
        // The traffic does not leave the machine.
        ("citus.node_conninfo", "sslmode=prefer".to_owned()),
        ("citus.enable_statistics_collection", "off".to_owned()),
        // What the console shows of tenants and of statements that forgot theirs.
        ("citus.stat_tenants_track", "all".to_owned()),
        ("citus.enable_stat_counters", "on".to_owned()),
    ];
    if binaries.knows_setting("output_plugin_libraries") {
        settings.push(("output_plugin_libraries", "pgoutput,test_decoding,citus".to_owned()));
    }
    Profile { port, settings, environment: vec![("PGPASSFILE", record.passfile())] }
}
