//! Makes a cluster of separate servers: waits for the servers, checks each, registers the nodes and migrates
//! the schema. Every step may be repeated, so that a deployment can run `init` at each start.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Config;

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node_connection::NodeConnection;
use super::preflight::{self, PreflightReport};
use super::registration::register;
use super::say::Say;
use super::{distribute, events, groups, node, older_names, pins, roles};
use crate::db;

/// The arguments of [`init`].
pub struct Init {
    /// The workers' addresses, as the other nodes reach them.
    pub workers: Vec<HostPort>,
    /// The coordinator's address, as the workers reach it. By default the address in DATABASE_URL.
    pub coordinator: Option<HostPort>,
    /// How long to retry connecting to servers that are still starting.
    pub wait: Duration,
    /// The shard count of new tables; by default Citus'.
    pub shards: Option<u16>,
    /// Whether tenant 1, which is open to all users, exists afterwards.
    pub demo_tenant: bool,
    /// Check the servers and change nothing.
    pub dry_run: bool,
}

/// Makes a cluster of the server that `config` names, as the coordinator, and the workers.
///
/// # Errors
/// When a server does not answer, is not fit, or refuses a step. The steps done before stay done; a second
/// run skips them.
pub async fn init(config: &Config, init: &Init, say: Say<'_>) -> Result<(), ClusterError> {
    let own = own_address(config, init)?;
    let deadline = Instant::now() + init.wait;
    let servers = Servers::connect(config, init, deadline, say).await?;
    let reports = servers.check(say).await?;
    if init.dry_run {
        return Ok(());
    }

    servers.prepare(&reports).await?;
    let mut changed = servers.register(&own, say).await?;
    let Servers { coordinator, workers } = &servers;
    wait_for_unnamed_workers(config, coordinator, init, deadline, say).await?;
    check_connections(coordinator).await?;
    // The migrations need every role on each node, but create only those that the coordinator lacks.
    copy_roles(coordinator, workers, say).await?;
    changed |= migrate(config, init, say).await?;
    groups::record_known(coordinator).await?;
    copy_roles(coordinator, workers, say).await?;
    pins::install_strategy(coordinator).await?;
    older_names::install(coordinator).await?;
    report_undistributed(coordinator, say).await?;
    if !changed {
        return Ok(());
    }
    let list: Vec<String> = init.workers.iter().map(ToString::to_string).collect();
    let event = events::begin(coordinator, "init", &list.join(", ")).await?;
    event.end(coordinator, Ok(())).await
}

/// A connection to each server.
struct Servers<'a> {
    coordinator: NodeConnection,
    workers: Vec<(&'a HostPort, NodeConnection)>,
}

impl<'a> Servers<'a> {
    async fn connect(
        config: &Config,
        init: &'a Init,
        deadline: Instant,
        say: Say<'_>,
    ) -> Result<Self, ClusterError> {
        let coordinator = connect_or_create(config, "the coordinator", deadline, say).await?;
        coordinator.require_superuser().await?;
        let mut workers = Vec::new();
        for address in &init.workers {
            let config = address.on(config);
            let worker = connect_or_create(&config, &address.to_string(), deadline, say).await?;
            workers.push((address, worker));
        }
        Ok(Self { coordinator, workers })
    }

    /// Reports on each server, the coordinator first, and refuses when one is not fit.
    async fn check(&self, say: Say<'_>) -> Result<Vec<PreflightReport>, ClusterError> {
        let mut reports = vec![preflight::check(&self.coordinator).await?];
        for (_, worker) in &self.workers {
            let mut report = preflight::check(worker).await?;
            report.compare(&reports[0]);
            reports.push(report);
        }
        for line in reports.iter().flat_map(PreflightReport::lines) {
            say(&line);
        }
        preflight::require_fit(reports.iter())?;
        Ok(reports)
    }

    async fn prepare(&self, reports: &[PreflightReport]) -> Result<(), ClusterError> {
        let workers = self.workers.iter().map(|(_, worker)| worker);
        for (connection, report) in std::iter::once(&self.coordinator).chain(workers).zip(reports) {
            preflight::prepare(connection, report).await?;
        }
        Ok(())
    }

    /// True when a worker was added.
    async fn register(&self, own: &HostPort, say: Say<'_>) -> Result<bool, ClusterError> {
        name_coordinator(&self.coordinator, own, say).await?;
        let mut changed = false;
        for (address, worker) in &self.workers {
            changed |= register(&self.coordinator, address, worker, say).await?;
        }
        Ok(changed)
    }
}

async fn report_undistributed(coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
    let local = distribute::undistributed(coordinator).await?;
    if !local.is_empty() {
        let names: Vec<&str> = local.iter().map(|table| table.name.as_str()).collect();
        say(&format!(
            "these tables were here before and are still on the coordinator alone: {}",
            names.join(", ")
        ));
        say("    run `pigeonhole cluster distribute` to spread them over the workers");
    }
    Ok(())
}

/// The coordinator's address for the workers.
fn own_address(config: &Config, init: &Init) -> Result<HostPort, ClusterError> {
    let own = match init.coordinator.clone().or_else(|| HostPort::of(config)) {
        Some(own) => own,
        None => {
            return obstacle(
                "DATABASE_URL names a socket; say with --coordinator HOST:PORT how the workers reach the \
                 coordinator",
            );
        }
    };
    if own.is_local()
        && let Some(worker) = init.workers.iter().find(|worker| !worker.is_local())
    {
        return obstacle(format!(
            "{worker} cannot reach the coordinator as {own}; say with --coordinator HOST:PORT how it can"
        ));
    }
    Ok(own)
}

/// Connects as [`wait_for`] does. Creates the database if the server does not have it.
async fn connect_or_create(
    config: &Config,
    name: &str,
    deadline: Instant,
    say: Say<'_>,
) -> Result<NodeConnection, ClusterError> {
    wait_for(config, name, deadline, say, true).await
}

/// Waits for workers of the cluster that the arguments do not name: they were added later and may still be
/// starting.
async fn wait_for_unnamed_workers(
    config: &Config,
    coordinator: &NodeConnection,
    init: &Init,
    deadline: Instant,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    for other in node::list(coordinator).await? {
        if other.group != 0 && other.active && !init.workers.contains(&other.address) {
            // Never create the database of these: an empty one would hide that its shards are lost.
            wait_for(&other.address.on(config), &other.address.to_string(), deadline, say, false).await?;
        }
    }
    Ok(())
}

/// Retries every 500 ms until the deadline, and reports an error when it differs from the last one.
async fn wait_for(
    config: &Config,
    name: &str,
    deadline: Instant,
    say: Say<'_>,
    create: bool,
) -> Result<NodeConnection, ClusterError> {
    let mut last = String::new();
    loop {
        let error = match NodeConnection::named(config, name).await {
            Ok(connection) => match connection.run("asking", "SELECT 1").await {
                Ok(()) => return Ok(connection),
                Err(error) => error,
            },
            Err(error) => error,
        };
        let text = error.to_string();
        if Instant::now() >= deadline {
            return obstacle(format!("{name} does not answer: {text}"));
        }
        if text != last {
            say(&format!("waiting for {name}: {text}"));
            last = text;
        }
        if create && last.contains("does not exist") {
            create_database(config, say).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Ignores errors: the next attempt to connect shows whether the database exists.
async fn create_database(config: &Config, say: Say<'_>) {
    let (Some(name), Some(address)) = (config.get_dbname(), HostPort::of(config)) else { return };
    let mut maintenance = address.on(config);
    maintenance.dbname("postgres");
    let Ok(connection) = NodeConnection::coordinator(&maintenance).await else { return };
    let quoted = name.replace('"', "\"\"");
    if connection.run("making the database", &format!("CREATE DATABASE \"{quoted}\"")).await.is_ok() {
        say(&format!("{address}: made the database {name}"));
    }
}

async fn name_coordinator(
    coordinator: &NodeConnection,
    own: &HostPort,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    let nodes = node::list(coordinator).await?;
    if nodes.iter().any(|node| node.group == 0 && node.address == *own) {
        return Ok(());
    }
    let call = "SELECT citus_set_coordinator_host($1, $2)";
    coordinator.rows("naming the coordinator", call, &[&own.host(), &own.port()]).await?;
    say(&format!("{own}: registered as the coordinator"));
    Ok(())
}

async fn check_connections(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "SELECT from_nodename || ':' || from_nodeport, to_nodename || ':' || to_nodeport
               FROM citus_check_cluster_node_health() WHERE result IS DISTINCT FROM true";
    let rows = coordinator.rows("checking the nodes' connections to each other", sql, &[]).await?;
    let broken: Vec<String> = rows
        .iter()
        .map(|row| format!("{} to {}", row.get::<_, String>(0), row.get::<_, String>(1)))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    obstacle(format!(
        "these nodes cannot connect to each other (addresses, pg_hba.conf, passwords): {}",
        broken.join(", ")
    ))
}

async fn copy_roles(
    coordinator: &NodeConnection,
    workers: &[(&HostPort, NodeConnection)],
    say: Say<'_>,
) -> Result<(), ClusterError> {
    for (address, connection) in workers {
        for done in roles::copy(coordinator, connection).await? {
            say(&format!("{address}: {done}, as on the coordinator"));
        }
    }
    Ok(())
}

async fn migrate(config: &Config, init: &Init, say: Say<'_>) -> Result<bool, ClusterError> {
    let mut config = config.clone();
    if let Some(shards) = init.shards {
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        config.options(format!("{given}-c citus.shard_count={shards}"));
    }
    let applied = db::migrate(&config, init.demo_tenant).await?.applied;
    for migration in &applied {
        say(&format!("applied migration {migration}"));
    }
    Ok(!applied.is_empty())
}
