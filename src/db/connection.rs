//! A pooled connection: a PostgreSQL client with the names of the statements that it has prepared for shards.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Config, Statement};

use super::admission::Admission;
use super::counters::DbCounters;
use super::node_cores;

pub(super) type Pool = managed::Pool<ConnectionManager>;
/// A connection that was taken out of a pool.
pub(crate) type PooledConnection = managed::Object<ConnectionManager>;

/// Opens the connections of a pool, and has the queue in front of it.
pub(crate) struct ConnectionManager {
    pub(super) manager: deadpool_postgres::Manager,
    pub(super) admission: Arc<Admission>,
    /// Shared by all pools of the process.
    pub(super) counters: Arc<DbCounters>,
    /// The address of the node until a connection asks it how many calls it can work on at once.
    pub(super) unasked_node: Mutex<Option<Config>>,
}

pub(crate) struct Connection {
    client: ClientWrapper,
    /// The name of each statement that is prepared for messages, by its text and shard.
    named: HashMap<(&'static str, i64), String>,
    /// The statements that are prepared for values of any kind, by text and shard.
    prepared: HashMap<(&'static str, i64), Statement>,
}

impl managed::Manager for ConnectionManager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, Self::Error> {
        let client = self.manager.create().await?;
        self.ask_for_cores(&client).await;
        Ok(Connection { client, named: HashMap::new(), prepared: HashMap::new() })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Self::Error> {
        self.manager.recycle(&mut connection.client, metrics).await
    }

    fn detach(&self, connection: &mut Connection) {
        self.manager.detach(&mut connection.client);
    }
}

impl ConnectionManager {
    /// Sets how many calls the node works on at once, unless a connection has asked it before. A node that
    /// fails to answer is asked by the next connection.
    async fn ask_for_cores(&self, client: &ClientWrapper) {
        let unasked = || self.unasked_node.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(config) = unasked().clone() else { return };
        match node_cores::calls_at_once(client, &config).await {
            Ok(calls) => {
                *unasked() = None;
                calls.into_iter().for_each(|calls| self.admission.set_at_once(calls));
            }
            Err(error) => log::debug!("a node did not tell how many cores it has: {error}"),
        }
    }
}

impl Connection {
    /// The name under which `template` is prepared for a shard. The first call prepares `text()`; none when
    /// there is no such text.
    pub(super) async fn named(
        &mut self,
        template: &'static str,
        shard: i64,
        text: impl FnOnce() -> Option<String>,
    ) -> Result<Option<&str>, tokio_postgres::Error> {
        if !self.named.contains_key(&(template, shard)) {
            let Some(text) = text() else { return Ok(None) };
            let name = format!("read{}", self.named.len());
            self.client.batch_execute(&format!("PREPARE {name} AS {text}")).await?;
            self.named.insert((template, shard), name);
        }
        Ok(self.named.get(&(template, shard)).map(String::as_str))
    }

    /// The statement that is prepared from `template` for a shard. The first call prepares `text()`; none
    /// when there is no such text.
    pub(super) async fn prepared(
        &mut self,
        template: &'static str,
        shard: i64,
        text: impl FnOnce() -> Option<String>,
    ) -> Result<Option<Statement>, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.get(&(template, shard)) {
            return Ok(Some(statement.clone()));
        }
        let Some(text) = text() else { return Ok(None) };
        let statement = self.client.prepare(&text).await?;
        self.prepared.insert((template, shard), statement.clone());
        Ok(Some(statement))
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}
