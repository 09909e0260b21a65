//! The database as the application sees it: a handle for each kind of work, each on the pool of its own role. No pool
//! leaves this folder.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;

use super::borrow::{CALL_DEADLINE, within};
use super::connection::{Object, Pool};
use super::error::DbError;
use super::guard::{self, UnsafeSchema};
use super::handle::TenantHandle;
use super::pool::pool;
use super::roles;
use super::router::Router;
use crate::domain::TenantId;

const DIRECTORY_POOL_SIZE: usize = 4;

/// The database, as the application sees it.
#[derive(Clone)]
pub struct Database {
    router: Arc<Router>,
    login: Pool,
    sign_up: Pool,
    maintenance: Pool,
}

impl Database {
    /// Makes the pools; nothing is connected yet.
    pub fn new(config: &Config, pool_size: usize) -> Self {
        Self {
            router: Arc::new(Router::new(config, pool_size)),
            login: pool(config, roles::LOGIN, DIRECTORY_POOL_SIZE),
            sign_up: pool(config, roles::SIGN_UP, DIRECTORY_POOL_SIZE),
            maintenance: pool(config, roles::MAINTENANCE, 1),
        }
    }

    /// The handle on one tenant's rows.
    pub fn tenant(&self, tenant: TenantId) -> TenantHandle {
        TenantHandle::new(Arc::clone(&self.router), tenant)
    }

    /// The handle on the login directory.
    pub fn directory(&self) -> DirectoryHandle {
        DirectoryHandle { pool: self.login.clone() }
    }

    /// The handle that founds tenants and adds users.
    pub fn sign_up(&self) -> SignUpHandle {
        SignUpHandle { pool: self.sign_up.clone() }
    }

    /// Runs `work` as the role that removes what expired in all tenants.
    pub(crate) async fn maintain<T>(&self, work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.maintenance, work).await
    }

    /// Refuses a schema on which a tenant's rows could leak.
    ///
    /// # Errors
    /// What is wrong with the schema or the role, in one sentence.
    pub async fn refuse_unsafe_schema(&self) -> Result<(), UnsafeSchema> {
        guard::check(self.router.coordinator()).await
    }

    /// Sends each tenant's work to the node that holds its shard, from now on and until the future is dropped. Without it
    /// the coordinator does all work.
    pub async fn route(&self) {
        self.router.report_trouble();
        self.router.keep_fresh().await;
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when there is none within a second.
    pub async fn ping(&self) -> Result<(), DbError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        within(deadline, self.router.coordinator(), async |client| Ok(client.batch_execute("SELECT 1").await?)).await
    }
}

/// Finds users by what they log in with. Reads the directory and the names of tenants, and nothing else.
pub struct DirectoryHandle {
    pool: Pool,
}

impl DirectoryHandle {
    /// Borrows a connection for one piece of work within the deadline of a call.
    pub(crate) async fn run<T>(&self, work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.pool, work).await
    }
}

/// Founds tenants and adds users to them, and can do nothing else.
pub struct SignUpHandle {
    pool: Pool,
}

impl SignUpHandle {
    /// Borrows a connection for one piece of work within the deadline of a call.
    pub(crate) async fn run<T>(&self, work: impl AsyncFnOnce(&mut Object) -> Result<T, DbError>) -> Result<T, DbError> {
        within(tokio::time::Instant::now() + CALL_DEADLINE, &self.pool, work).await
    }
}
