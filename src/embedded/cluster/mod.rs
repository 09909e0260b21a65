//! A private Citus cluster on one machine: a coordinator on the data folder itself and workers in folders
//! below it, each a server as the one alone, with the same promises. The nodes find each other on loopback
//! ports, which every account of the machine can reach, so a password that only our account can read stands
//! before them.

mod membership;
mod node;
mod record;

use std::path::Path;

use futures_util::future::{join_all, try_join_all};

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::folder::DataFolder;
use super::{DATABASE, EmbeddedOptions, SUPERUSER, leftovers};
use node::Node;
use record::Record;

/// A running private cluster. End it with [`EmbeddedCluster::stop`]; when it is dropped instead, the servers
/// are told to shut down but not waited for.
#[derive(Debug)]
pub struct EmbeddedCluster {
    /// The coordinator first.
    nodes: Vec<Node>,
    password: String,
}

impl EmbeddedCluster {
    /// How many workers the data folder's cluster has; none where there is no cluster.
    pub fn recorded_workers(options: &EmbeddedOptions) -> Result<Option<usize>, EmbeddedError> {
        Ok(Record::read(&options.data_dir)?.map(|record| record.ports.len().saturating_sub(1)))
    }

    /// Starts the nodes, makes them a cluster where they are none yet, and returns when all answer.
    ///
    /// More workers than before are added, empty; what is there stays where it is until it is rebalanced.
    pub async fn start(options: &EmbeddedOptions, workers: usize) -> Result<Self, EmbeddedError> {
        let folder = DataFolder::claim(&options.data_dir)?;
        let account = Account::for_server(&folder.tables())?;
        folder.admit(account.as_ref())?;
        let binaries = Binaries::find_with_citus(options.pg_bin_dir.as_deref(), folder.version()?)?;
        binaries.admit(account.as_ref())?;

        let known = Record::read(folder.path())?;
        let existing = known.as_ref().map_or(0, |record| record.ports.len() - 1);
        if workers < existing {
            return Err(EmbeddedError::FewerWorkers { folder: folder.path().to_owned(), existing });
        }
        let mut worker_folders = Vec::new();
        claim_workers(folder.path(), &mut worker_folders, existing)?;
        // Before the ports are looked at, which servers that were left running would hold.
        for folder in std::iter::once(&folder).chain(&worker_folders) {
            leftovers::clear(folder).await?;
        }
        let record = Record::prepare(&folder, account.as_ref(), known, workers + 1)?;
        let path = folder.path().to_owned();
        let coordinator = Node::start(folder, &binaries, account.as_ref(), &record, 0).await?;
        claim_workers(&path, &mut worker_folders, workers)?;
        // Kept only now, because a record makes every later start that of a cluster.
        record.keep()?;
        let started = worker_folders.into_iter().enumerate();
        let started = started
            .map(|(place, folder)| Node::start(folder, &binaries, account.as_ref(), &record, place + 1));
        let nodes = std::iter::once(coordinator).chain(try_join_all(started).await?).collect::<Vec<_>>();
        membership::join(&nodes, &record).await?;
        log::info!(
            "embedded PostgreSQL {} with Citus: a coordinator and {} workers",
            binaries.major,
            nodes.len() - 1
        );
        Ok(Self { nodes, password: record.password })
    }

    /// How to connect to the coordinator: its loopback port, the superuser with the password, the database
    /// `pigeonhole`.
    pub fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(record::HOST)
            .port(self.nodes[0].port())
            .user(SUPERUSER)
            .password(&self.password)
            .dbname(DATABASE);
        config
    }

    /// The password of every role by which nodes connect to each other.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Shuts all nodes down: clients are disconnected and everything is written out.
    pub async fn stop(self) {
        join_all(self.nodes.into_iter().map(Node::stop)).await;
    }
}

/// Takes the folders of workers until there are as many as `count`.
fn claim_workers(data_dir: &Path, workers: &mut Vec<DataFolder>, count: usize) -> Result<(), EmbeddedError> {
    while workers.len() < count {
        let path = data_dir.join(format!("worker{}", workers.len() + 1));
        workers.push(DataFolder::claim(&path)?);
    }
    Ok(())
}
