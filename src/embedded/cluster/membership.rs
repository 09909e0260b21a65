//! Makes one cluster of the nodes, and finds again those whose port has changed. Every step is harmless when it was done.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, NoTls};

use super::super::error::EmbeddedError;
use super::super::{DATABASE, SUPERUSER};
use super::node::{HOST, Node};
use super::record::Record;

/// Gives each node the password and the extension, and the coordinator its workers.
pub(super) async fn join(nodes: &[Node], record: &Record) -> Result<(), EmbeddedError> {
    for node in nodes {
        set_password(node, record).await?;
        let client = node.connect().await?;
        client.batch_execute("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS citus").await.map_err(joining)?;
    }
    let coordinator = nodes[0].connect().await?;
    place_coordinator(&coordinator, nodes[0].port()).await?;
    for (group, node) in nodes.iter().enumerate().skip(1) {
        place_worker(&coordinator, group, node.port()).await?;
    }
    Ok(())
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
    let statement = format!("SET citus.enable_alter_role_propagation = off; ALTER ROLE {SUPERUSER} PASSWORD '{verifier}'");
    client.batch_execute(&statement).await.map_err(joining)
}

async fn place_coordinator(coordinator: &Client, port: u16) -> Result<(), EmbeddedError> {
    if known_port(coordinator, 0).await?.is_some_and(|(_, known)| known == port) {
        return Ok(());
    }
    coordinator.execute("SELECT citus_set_coordinator_host($1, $2)", &[&HOST, &i32::from(port)]).await.map_err(joining)?;
    Ok(())
}

/// The groups are numbered by us: numbers that Citus gives out can jump, and ids of rows grow with them.
async fn place_worker(coordinator: &Client, group: usize, port: u16) -> Result<(), EmbeddedError> {
    let group = i32::try_from(group).map_err(|error| EmbeddedError::Joining(error.to_string()))?;
    match known_port(coordinator, group).await? {
        Some((_, known)) if known == port => Ok(()),
        Some((node, _)) => {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&node, &HOST, &i32::from(port)];
            coordinator.execute("SELECT citus_update_node($1, $2, $3)", &values).await.map_err(joining)?;
            Ok(())
        }
        None => {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&HOST, &i32::from(port), &group];
            coordinator.execute("SELECT citus_add_node($1, $2, groupid => $3)", &values).await.map_err(joining)?;
            Ok(())
        }
    }
}

async fn known_port(coordinator: &Client, group: i32) -> Result<Option<(i32, u16)>, EmbeddedError> {
    let query = "SELECT nodeid, nodeport FROM pg_dist_node WHERE groupid = $1 AND noderole = 'primary'";
    let row = coordinator.query_opt(query, &[&group]).await.map_err(joining)?;
    Ok(row.map(|row| (row.get(0), u16::try_from(row.get::<_, i32>(1)).unwrap_or_default())))
}

fn joining(error: tokio_postgres::Error) -> EmbeddedError {
    EmbeddedError::Joining(error.as_db_error().map_or_else(|| error.to_string(), |database| database.message().to_owned()))
}
