//! A private Citus cluster on one machine. The coordinator uses the data folder itself, and each worker a
//! folder below it. The nodes connect to each other on loopback ports, which every account of the machine can
//! reach; so they need a password, which only our account can read.

mod membership;
mod node;
mod record;

use std::path::Path;

use futures_util::future::{join_all, try_join_all};

use super::account::ServerAccount;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::folder::DataFolder;
use super::leftovers;
use super::options::{DATABASE, EmbeddedOptions, SUPERUSER};
use node::EmbeddedNode;
use record::ClusterRecord;

/// A running private cluster. End it with [`EmbeddedCluster::stop`]. If it is dropped instead, the servers
/// get the signal to shut down, but nothing waits for them.
#[derive(Debug)]
pub struct EmbeddedCluster {
    /// The coordinator is the first.
    nodes: Vec<EmbeddedNode>,
    password: String,
}

impl EmbeddedCluster {
    /// The number of workers that the data folder's cluster has; `None` without a cluster.
    pub fn recorded_workers(options: &EmbeddedOptions) -> Result<Option<usize>, EmbeddedError> {
        Ok(ClusterRecord::read(&options.data_dir)?.map(|record| record.ports.len().saturating_sub(1)))
    }

    /// Starts the nodes, makes them a cluster if they are none yet, and returns when all of them answer.
    ///
    /// If there are more workers than before, the new ones are empty until a rebalance.
    pub async fn start(options: &EmbeddedOptions, workers: usize) -> Result<Self, EmbeddedError> {
        let folder = DataFolder::lock(&options.data_dir)?;
        let account = ServerAccount::choose(&folder.tables())?;
        folder.ensure_reachable(account.as_ref())?;
        let binaries = Binaries::find_with_citus(options.pg_bin_dir.as_deref(), folder.version()?)?;
        binaries.ensure_reachable(account.as_ref())?;

        let known = ClusterRecord::read(folder.path())?;
        let existing = known.as_ref().map_or(0, |record| record.ports.len() - 1);
        if workers < existing {
            return Err(EmbeddedError::FewerWorkers { folder: folder.path().to_owned(), existing });
        }
        let mut worker_folders = Vec::new();
        lock_worker_folders(folder.path(), &mut worker_folders, existing)?;
        // Before the ports are chosen: servers that are still running would hold them.
        for folder in std::iter::once(&folder).chain(&worker_folders) {
            leftovers::clear(folder).await?;
        }
        let record = ClusterRecord::prepare(&folder, account.as_ref(), known, workers + 1)?;
        let path = folder.path().to_owned();
        let coordinator = EmbeddedNode::start(folder, &binaries, account.as_ref(), &record, 0).await?;
        lock_worker_folders(&path, &mut worker_folders, workers)?;
        // Saved only now, because a record makes every later start the start of a cluster.
        record.save()?;
        let starting = (1..).zip(worker_folders).map(|(number, folder)| {
            EmbeddedNode::start(folder, &binaries, account.as_ref(), &record, number)
        });
        let nodes = std::iter::once(coordinator).chain(try_join_all(starting).await?).collect::<Vec<_>>();
        membership::join(&nodes, &record).await?;
        log::info!(
            "embedded PostgreSQL {} with Citus: a coordinator and {} workers",
            binaries.major,
            nodes.len() - 1
        );
        Ok(Self { nodes, password: record.password })
    }

    /// How to connect to the coordinator: its loopback port, the superuser with the password, and the
    /// database `pigeonhole`.
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

    /// The password of the roles as which nodes connect to each other.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Shuts all nodes down: they disconnect their clients and write everything to disk.
    pub async fn stop(self) {
        join_all(self.nodes.into_iter().map(EmbeddedNode::stop)).await;
    }
}

/// Locks the folders of further workers until there are `count`.
fn lock_worker_folders(
    data_dir: &Path,
    workers: &mut Vec<DataFolder>,
    count: usize,
) -> Result<(), EmbeddedError> {
    while workers.len() < count {
        let path = data_dir.join(format!("worker{}", workers.len() + 1));
        workers.push(DataFolder::lock(&path)?);
    }
    Ok(())
}
