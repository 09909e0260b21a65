//! A pooled connection: a client of PostgreSQL that also remembers which reads of which shards it has
//! prepared.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_postgres::ClientWrapper;

use super::counters::{Shared, Waits};

/// A pool of connections.
pub(super) type Pool = managed::Pool<Connections>;
/// A connection out of a pool.
pub(crate) type Object = managed::Object<Connections>;

/// Makes connections.
pub(crate) struct Connections {
    pub(super) manager: deadpool_postgres::Manager,
    /// Of this pool.
    pub(super) waits: Waits,
    /// Of the process.
    pub(super) tally: Shared,
}

/// One connection.
pub(crate) struct Connection {
    client: ClientWrapper,
    /// The names under which texts were prepared here, so that EXECUTE finds them.
    prepared: HashMap<(&'static str, i64), String>,
}

impl managed::Manager for Connections {
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
    /// The name under which `sql` is prepared for a shard; `text` gives what to prepare where it is not yet.
    pub(super) async fn named(
        &mut self,
        sql: &'static str,
        shard: i64,
        text: impl FnOnce() -> String,
    ) -> Result<&str, tokio_postgres::Error> {
        if !self.prepared.contains_key(&(sql, shard)) {
            let name = format!("read{}", self.prepared.len());
            self.client.batch_execute(&format!("PREPARE {name} AS {}", text())).await?;
            self.prepared.insert((sql, shard), name);
        }
        Ok(&self.prepared[&(sql, shard)])
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
