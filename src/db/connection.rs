//! A pooled connection: a PostgreSQL client with the names of the statements that it has prepared for shards.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_postgres::ClientWrapper;

use super::admission::Admission;
use super::counters::DbCounters;

pub(super) type Pool = managed::Pool<ConnectionManager>;
/// A connection that was taken out of a pool.
pub(crate) type PooledConnection = managed::Object<ConnectionManager>;

/// Opens the connections of a pool, and has the queue in front of it.
pub(crate) struct ConnectionManager {
    pub(super) manager: deadpool_postgres::Manager,
    pub(super) admission: Arc<Admission>,
    /// Shared by all pools of the process.
    pub(super) counters: Arc<DbCounters>,
}

pub(crate) struct Connection {
    client: ClientWrapper,
    /// The name of each prepared statement, by its text and shard.
    prepared: HashMap<(&'static str, i64), String>,
}

impl managed::Manager for ConnectionManager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, Self::Error> {
        Ok(Connection { client: self.manager.create().await?, prepared: HashMap::new() })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Self::Error> {
        self.manager.recycle(&mut connection.client, metrics).await
    }

    fn detach(&self, connection: &mut Connection) {
        self.manager.detach(&mut connection.client);
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
        if !self.prepared.contains_key(&(template, shard)) {
            let Some(text) = text() else { return Ok(None) };
            let name = format!("read{}", self.prepared.len());
            self.client.batch_execute(&format!("PREPARE {name} AS {text}")).await?;
            self.prepared.insert((template, shard), name);
        }
        Ok(self.prepared.get(&(template, shard)).map(String::as_str))
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
