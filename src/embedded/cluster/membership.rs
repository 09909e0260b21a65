//! Makes the nodes a cluster, and updates the ports that have changed. Each step may be repeated.

use std::time::Duration;

use postgres_protocol::password::scram_sha_256;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::super::error::EmbeddedError;
use super::super::options::{DATABASE, SUPERUSER};
use super::node::EmbeddedNode;
use super::record::{ClusterRecord, HOST};

const SYNC_ATTEMPTS: u32 = 120;
const SYNC_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Sets the password and the extension of each node, and adds the workers to the coordinator.
pub(super) async fn join(nodes: &[EmbeddedNode], record: &ClusterRecord) -> Result<(), EmbeddedError> {
    for node in nodes {
        set_password(node, record).await?;
        let client = node.connect().await?;
        client
            .batch_execute("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS citus")
            .await
            .map_err(joining)?;
    }
    let coordinator = nodes[0].connect().await?;
    if known_port(&coordinator, 0).await?.is_none() {
        let values: [&(dyn ToSql + Sync); 2] = [&HOST, &i32::from(nodes[0].port())];
        coordinator.execute("SELECT citus_set_coordinator_host($1, $2)", &values).await.map_err(joining)?;
    }
    let mut moved = false;
    // The coordinator comes last: Citus sends its new address to the workers, whose ports must be right.
    for (group, node) in nodes.iter().enumerate().rev() {
        moved |= add_or_update(&coordinator, group, node.port()).await?;
    }
    if moved { wait_until_synced(&coordinator).await } else { Ok(()) }
}

/// Does nothing if the password is set: changing a role needs every node, and one of them may be down.
async fn set_password(node: &EmbeddedNode, record: &ClusterRecord) -> Result<(), EmbeddedError> {
    let mut by_password = tokio_postgres::Config::new();
    by_password.host(HOST).port(node.port()).user(SUPERUSER).password(&record.password).dbname(DATABASE);
    if by_password.connect(NoTls).await.is_ok() {
        return Ok(());
    }
    // Hashed here, so that neither a statement nor a log contains the password.
    let verifier = scram_sha_256(record.password.as_bytes());
    let client = node.connect().await?;
    let statement = format!(
        "SET citus.enable_alter_role_propagation = off; ALTER ROLE {SUPERUSER} PASSWORD '{verifier}'"
    );
    client.batch_execute(&statement).await.map_err(joining)
}

/// Adds a worker or updates a node's port; returns whether a port was updated. We choose the numbers of the
/// groups: those that Citus chooses can have gaps, and the ids of rows grow with them.
async fn add_or_update(coordinator: &Client, group: usize, port: u16) -> Result<bool, EmbeddedError> {
    let group = i32::try_from(group).map_err(|error| EmbeddedError::Joining(error.to_string()))?;
    match known_port(coordinator, group).await? {
        Some((_, known)) if known == port => Ok(false),
        Some((node, _)) => {
            let values: [&(dyn ToSql + Sync); 3] = [&node, &HOST, &i32::from(port)];
            coordinator.execute("SELECT citus_update_node($1, $2, $3)", &values).await.map_err(joining)?;
            Ok(true)
        }
        None => {
            let values: [&(dyn ToSql + Sync); 3] = [&HOST, &i32::from(port), &group];
            coordinator
                .execute("SELECT citus_add_node($1, $2, groupid => $3)", &values)
                .await
                .map_err(joining)?;
            Ok(false)
        }
    }
}

/// Citus tries every few seconds to send new ports to nodes that could not be reached.
async fn wait_until_synced(coordinator: &Client) -> Result<(), EmbeddedError> {
    let query = "SELECT count(*) FROM pg_dist_node WHERE isactive AND hasmetadata AND NOT metadatasynced";
    for _ in 0..SYNC_ATTEMPTS {
        let behind: i64 = coordinator.query_one(query, &[]).await.map_err(joining)?.get(0);
        if behind == 0 {
            return Ok(());
        }
        sleep(SYNC_POLL_INTERVAL).await;
    }
    Err(EmbeddedError::Joining("a node does not learn the new ports of the others".to_owned()))
}

async fn known_port(coordinator: &Client, group: i32) -> Result<Option<(i32, u16)>, EmbeddedError> {
    let query = "SELECT nodeid, nodeport FROM pg_dist_node WHERE groupid = $1 AND noderole = 'primary'";
    let row = coordinator.query_opt(query, &[&group]).await.map_err(joining)?;
    Ok(row.map(|row| (row.get(0), u16::try_from(row.get::<_, i32>(1)).unwrap_or_default())))
}

fn joining(error: tokio_postgres::Error) -> EmbeddedError {
    EmbeddedError::Joining(
        error.as_db_error().map_or_else(|| error.to_string(), |database| database.message().to_owned()),
    )
}
