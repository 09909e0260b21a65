//! From servers to a cluster: wait for them, look at each, register them, bring the schema. Every step is
//! harmless when it was done before, so that a job may run this at each start.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Config;

use super::address::NodeAddress;
use super::error::{ClusterError, obstacle, retry_on_role_conflict};
use super::node_connection::NodeConnection;
use super::preflight::{self, PreflightReport};
use super::{Say, distribute, events, groups, node, older_names, pins, roles};
use crate::db;

/// What `init` is asked for.
pub struct Init {
    /// The workers, as the other nodes know them.
    pub workers: Vec<NodeAddress>,
    /// The coordinator, as the workers know it; else the address in DATABASE_URL.
    pub coordinator: Option<NodeAddress>,
    /// How long to wait for servers that are still starting.
    pub wait: Duration,
    /// How many shards new tables get.
    pub shards: Option<u16>,
    /// Whether tenant 1, open to all, exists.
    pub demo_tenant: bool,
    /// Whether nothing is changed.
    pub dry_run: bool,
}

/// Makes a cluster of the coordinator that `config` names and the workers.
///
/// # Errors
/// What stands in the way; what was done until then stays and is not done again.
pub async fn init(config: &Config, init: &Init, say: Say<'_>) -> Result<(), ClusterError> {
    let own = own_address(config, init)?;
    let deadline = Instant::now() + init.wait;
    let coordinator = connect_or_create(config, "the coordinator", deadline, say).await?;
    coordinator.require_superuser().await?;
    let mut workers = Vec::new();
    for address in &init.workers {
        workers.push((
            address,
            connect_or_create(&address.on(config), &address.to_string(), deadline, say).await?,
        ));
    }

    let coordinator_report = preflight::look(&coordinator).await?;
    let mut worker_reports = Vec::new();
    for (_, connection) in &workers {
        let mut fitness = preflight::look(connection).await?;
        fitness.compare(&coordinator_report);
        worker_reports.push(fitness);
    }
    for line in std::iter::once(&coordinator_report).chain(&worker_reports).flat_map(PreflightReport::lines) {
        say(&line);
    }
    preflight::require_fit(std::iter::once(&coordinator_report).chain(&worker_reports))?;
    if init.dry_run {
        return Ok(());
    }

    preflight::prepare(&coordinator, &coordinator_report).await?;
    for ((_, connection), fitness) in workers.iter().zip(&worker_reports) {
        preflight::prepare(connection, fitness).await?;
    }
    name_coordinator(&coordinator, &own, say).await?;
    let mut changed = false;
    for (address, connection) in &workers {
        changed |= register(&coordinator, address, connection, say).await?;
    }
    wait_for_others(config, &coordinator, init, deadline, say).await?;
    check_connections(&coordinator).await?;
    // Those that the coordinator has already are not made by the migrations, which need them on each node.
    copy_roles(&coordinator, &workers, say).await?;
    changed |= migrate(config, init, say).await?;
    groups::record_known(&coordinator).await?;
    copy_roles(&coordinator, &workers, say).await?;
    pins::install_strategy(&coordinator).await?;
    older_names::install(&coordinator).await?;
    let local = distribute::undistributed(&coordinator).await?;
    if !local.is_empty() {
        let names: Vec<&str> = local.iter().map(|table| table.name.as_str()).collect();
        say(&format!(
            "these tables were here before and are still on the coordinator alone: {}",
            names.join(", ")
        ));
        say("    run `pigeonhole cluster distribute` to spread them over the workers");
    }
    if !changed {
        return Ok(());
    }
    let list: Vec<String> = init.workers.iter().map(ToString::to_string).collect();
    let event = events::begin(&coordinator, "init", &list.join(", ")).await?;
    event.end(&coordinator, Ok(())).await
}

fn own_address(config: &Config, init: &Init) -> Result<NodeAddress, ClusterError> {
    let own = match init.coordinator.clone().or_else(|| NodeAddress::of(config)) {
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

/// Connects, again and again until the deadline. The database of a new server is made.
async fn connect_or_create(
    config: &Config,
    name: &str,
    deadline: Instant,
    say: Say<'_>,
) -> Result<NodeConnection, ClusterError> {
    wait_for(config, name, deadline, say, true).await
}

/// Workers that joined later are not named here, and may still be starting as well.
async fn wait_for_others(
    config: &Config,
    coordinator: &NodeConnection,
    init: &Init,
    deadline: Instant,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    for other in node::list(coordinator).await? {
        if other.group != 0 && other.active && !init.workers.contains(&other.address) {
            // An empty database in the place of one with shards would hide that those are lost.
            wait_for(&other.address.on(config), &other.address.to_string(), deadline, say, false).await?;
        }
    }
    Ok(())
}

/// Connects, again and again until the deadline, and says so each time the reason changes.
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

/// A worker's server may be new and lack the database. Whether this worked is seen at the next attempt.
async fn create_database(config: &Config, say: Say<'_>) {
    let (Some(name), Some(address)) = (config.get_dbname(), NodeAddress::of(config)) else { return };
    let mut beside = address.on(config);
    beside.dbname("postgres");
    let Ok(connection) = NodeConnection::coordinator(&beside).await else { return };
    let quoted = name.replace('"', "\"\"");
    if connection.run("making the database", &format!("CREATE DATABASE \"{quoted}\"")).await.is_ok() {
        say(&format!("{address}: made the database {name}"));
    }
}

async fn name_coordinator(
    coordinator: &NodeConnection,
    own: &NodeAddress,
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

/// Adds a worker under a group number of our choice, unless it is there; true when it was not.
pub(super) async fn register(
    coordinator: &NodeConnection,
    address: &NodeAddress,
    node: &NodeConnection,
    say: Say<'_>,
) -> Result<bool, ClusterError> {
    let nodes = node::list(coordinator).await?;
    if let Some(known) = nodes.iter().find(|node| node.address == *address) {
        if !known.active || !known.synced {
            let call = "SELECT citus_activate_node($1, $2)";
            retry_on_role_conflict(async || {
                coordinator.rows("activating the node", call, &[&address.host(), &address.port()]).await
            })
            .await?;
        }
        say(&format!("{address}: already a worker, group {}", known.group));
        return Ok(false);
    }
    require_fresh(node, address).await?;
    let group = retry_on_role_conflict(async || add(coordinator, address).await).await?;
    say(&format!("{address}: added as worker, group {group}"));
    Ok(true)
}

async fn add(coordinator: &NodeConnection, address: &NodeAddress) -> Result<i32, ClusterError> {
    groups::record_known(coordinator).await?;
    let group = groups::next_free(coordinator).await?;
    coordinator.run("beginning", "BEGIN").await?;
    let added = async {
        groups::record(coordinator, group, address).await?;
        let call = "SELECT citus_add_node($1, $2, groupid => $3)";
        coordinator.rows("adding the node", call, &[&address.host(), &address.port(), &group]).await?;
        coordinator.run("committing", "COMMIT").await
    }
    .await;
    if added.is_err() {
        let _ = coordinator.run("rolling back", "ROLLBACK").await;
    }
    added.map(|()| group)
}

/// A server that was in a cluster before still believes it is, and would mix its old tables with ours.
async fn require_fresh(node: &NodeConnection, address: &NodeAddress) -> Result<(), ClusterError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_dist_node), to_regclass('shared.tenants') IS NOT NULL";
    let row = node.row("looking for an older cluster", sql, &[]).await?;
    if row.get(0) {
        return obstacle(format!(
            "{address} still belongs to a cluster, or believes so; on that server: DROP EXTENSION citus \
             CASCADE, or drop and make its database anew"
        ));
    }
    if row.get(1) {
        return obstacle(format!(
            "the database on {address} already has our tables; drop it there and make it anew, empty"
        ));
    }
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
    workers: &[(&NodeAddress, NodeConnection)],
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
