//! Makes one cluster of the nodes, and finds again those whose port has changed. Every step is harmless when
//! it was done.

use std::time::Duration;

use postgres_protocol::password::scram_sha_256;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::super::error::EmbeddedError;
use super::super::{DATABASE, SUPERUSER};
use super::node::Node;
use super::record::{HOST, Record};

const SYNC_ATTEMPTS: u32 = 120;
const SYNC_PAUSE: Duration = Duration::from_millis(250);

/// Gives each node the password and the extension, and the coordinator its workers.
pub(super) async fn join(nodes: &[Node], record: &Record) -> Result<(), EmbeddedError> {
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
    // The coordinator comes last: its new address can only be told to workers that are found.
    for (group, node) in nodes.iter().enumerate().rev() {
        moved |= place(&coordinator, group, node.port()).await?;
    }
    if moved { wait_until_synced(&coordinator).await } else { Ok(()) }
}

/// Only where it is another: changing a role needs every node, and one of them may be down.
async fn set_password(node: &Node, record: &Record) -> Result<(), EmbeddedError> {
    let mut by_password = tokio_postgres::Config::new();
    by_password.host(HOST).port(node.port()).user(SUPERUSER).password(&record.password).dbname(DATABASE);
    if by_password.connect(NoTls).await.is_ok() {
        return Ok(());
    }
    // Hashed here, so that the password itself is in no statement and in no log.
    let verifier = scram_sha_256(record.password.as_bytes());
    let client = node.connect().await?;
    let statement = format!(
        "SET citus.enable_alter_role_propagation = off; ALTER ROLE {SUPERUSER} PASSWORD '{verifier}'"
    );
    client.batch_execute(&statement).await.map_err(joining)
}

/// Adds a worker or corrects a node's port; says whether it was corrected. The groups are numbered by us:
/// numbers that Citus gives out can jump, and ids of rows grow with them.
async fn place(coordinator: &Client, group: usize, port: u16) -> Result<bool, EmbeddedError> {
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

/// A node that could not be told of another's new port is told again by Citus every few seconds.
async fn wait_until_synced(coordinator: &Client) -> Result<(), EmbeddedError> {
    let query = "SELECT count(*) FROM pg_dist_node WHERE isactive AND hasmetadata AND NOT metadatasynced";
    for _ in 0..SYNC_ATTEMPTS {
        let behind: i64 = coordinator.query_one(query, &[]).await.map_err(joining)?.get(0);
        if behind == 0 {
            return Ok(());
        }
        sleep(SYNC_PAUSE).await;
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
