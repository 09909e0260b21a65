//! One connection to one node. Every statement has a timeout in this program, because statement_timeout does
//! not end a statement on a server that is frozen. All statements of this folder and of `monitor` go through
//! here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Config, NoTls, Row, Statement};

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use crate::db;

/// For statements that only read or change little.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The short lock_timeout keeps an operator's statement from blocking the application: while it waits for a
/// lock, later lock requests queue behind it.
const OPTIONS: &str = "-c lock_timeout=5s -c statement_timeout=55s -c idle_in_transaction_session_timeout=0 \
    -c citus.node_connection_timeout=3000 -c citus.max_cached_conns_per_worker=0 \
    -c citus.override_table_visibility=off -c client_min_messages=error";

/// For reading: the role can read no note, and only an explicit READ WRITE transaction may change anything.
const READ_ONLY: &str = "-c role=pigeonhole_console -c default_transaction_read_only=on -c lock_timeout=500 \
    -c citus.max_cached_conns_per_worker=0 -c client_min_messages=error";
/// How much longer than this program the server waits before it ends a statement of a read-only connection.
const SERVER_GRACE: Duration = Duration::from_millis(500);

/// A connection to a node. Errors name the node as `name` does.
pub struct NodeConnection {
    /// Prepared statements by their SQL, on read-only connections, which repeat the same statements.
    prepared: Option<Mutex<HashMap<String, Statement>>>,
    client: Client,
    name: String,
    config: Config,
    actor: Option<String>,
}

/// The parameters of a statement.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl NodeConnection {
    /// Connects to the server that `config` names, which should be the coordinator.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn coordinator(config: &Config) -> Result<Self, ClusterError> {
        Self::open(config, "the coordinator".to_owned()).await
    }

    /// Connects with the role pigeonhole_console, to the coordinator if `address` is none. The server ends
    /// statements shortly after `timeout`.
    pub(crate) async fn read_only(
        config: &Config,
        address: Option<&HostPort>,
        timeout: Duration,
    ) -> Result<Self, ClusterError> {
        let (config, name) = match address {
            Some(address) => (address.on(config), address.to_string()),
            None => (config.clone(), "the coordinator".to_owned()),
        };
        let config = db::logging_in_for(&config, "pigeonhole_console");
        let options = format!(
            "{READ_ONLY} -c citus.node_connection_timeout={} -c statement_timeout={}",
            timeout.as_millis(),
            (timeout + SERVER_GRACE).as_millis()
        );
        let connection = Self::open_with(&config, name, &options, "pigeonhole console").await?;
        Ok(Self { prepared: Some(Mutex::default()), ..connection })
    }

    /// Connects to another node with the user and the password of `config`.
    pub(crate) async fn node(config: &Config, address: &HostPort) -> Result<Self, ClusterError> {
        Self::open(&address.on(config), address.to_string()).await
    }

    /// Connects to the server that `config` names; messages call it `name`.
    pub(crate) async fn named(config: &Config, name: &str) -> Result<Self, ClusterError> {
        Self::open(config, name.to_owned()).await
    }

    async fn open(config: &Config, name: String) -> Result<Self, ClusterError> {
        Self::open_with(config, name, OPTIONS, "pigeonhole cluster").await
    }

    async fn open_with(
        config: &Config,
        name: String,
        options: &str,
        application: &str,
    ) -> Result<Self, ClusterError> {
        let mut extended = config.clone();
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        extended.options(format!("{given}{options}")).application_name(application);
        let client = db::connect(&extended).await?;
        Ok(Self { prepared: None, client, name, config: config.clone(), actor: None })
    }

    /// Records operations under `actor`, for example an operator at the console, and not under the account
    /// that runs this program.
    #[must_use]
    pub fn on_behalf_of(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Opens a second connection to the same server, for the same actor.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn open_another(&self) -> Result<Self, ClusterError> {
        let other = Self::open(&self.config, self.name.clone()).await?;
        Ok(Self { actor: self.actor.clone(), ..other })
    }

    /// The actor set by [`Self::on_behalf_of`].
    pub(crate) fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// Whether the client has noticed that the connection is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The configuration that this connection was opened with, to open others.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The node in messages to the operator: host:port, or `the coordinator`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs one or more statements and ignores their rows. `what` names the step in errors.
    pub(crate) async fn run(&self, what: &str, sql: &str) -> Result<(), ClusterError> {
        self.run_within(TIMEOUT, what, sql).await
    }

    /// [`Self::run`] with another timeout.
    pub(crate) async fn run_within(
        &self,
        timeout: Duration,
        what: &str,
        sql: &str,
    ) -> Result<(), ClusterError> {
        self.with_timeout(timeout, what, self.client.batch_execute(sql)).await
    }

    /// Runs one statement and returns its rows. `what` names the step in errors.
    pub(crate) async fn rows(
        &self,
        what: &str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.rows_within(TIMEOUT, what, sql, values).await
    }

    /// [`Self::rows`] with another timeout.
    pub(crate) async fn rows_within(
        &self,
        timeout: Duration,
        what: &str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.with_timeout(timeout, what, self.query(sql, values)).await
    }

    /// Runs one statement and returns its first row; no row is an error.
    pub(crate) async fn row(&self, what: &str, sql: &str, values: Values<'_>) -> Result<Row, ClusterError> {
        self.row_within(TIMEOUT, what, sql, values).await
    }

    /// [`Self::row`] with another timeout.
    pub(crate) async fn row_within(
        &self,
        timeout: Duration,
        what: &str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Row, ClusterError> {
        let rows = self.rows_within(timeout, what, sql, values).await?;
        let what = || format!("{what} at {}", self.name);
        rows.into_iter()
            .next()
            .ok_or_else(|| ClusterError::Refused { what: what(), reason: "there was no row".to_owned() })
    }

    async fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let Some(prepared) = &self.prepared else { return self.client.query(sql, values).await };
        let known = prepared.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare(sql).await?;
                prepared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(sql.to_owned(), statement.clone());
                statement
            }
        };
        self.client.query(&statement, values).await
    }

    async fn with_timeout<T>(
        &self,
        timeout: Duration,
        what: &str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, ClusterError> {
        let what = || format!("{what} at {}", self.name);
        match tokio::time::timeout(timeout, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(ClusterError::refused(&what(), &error)),
            Err(_) => {
                self.cancel_soon();
                Err(ClusterError::Timeout { what: what(), timeout })
            }
        }
    }

    /// Sends a cancel request for the running statement, in the background.
    fn cancel_soon(&self) {
        tokio::spawn(cancel(self.client.cancel_token()));
    }

    /// The token with which another task can [`cancel`] a statement of this connection.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Refuses a server without Citus, a worker, and a schema without the table operator.pins.
    pub(crate) async fn require_cluster(&self) -> Result<(), ClusterError> {
        if !self.has_citus().await? {
            return obstacle(
                "this is a plain PostgreSQL database; `pigeonhole cluster init` makes it a cluster",
            );
        }
        let row = self
            .row(
                "looking at the node",
                "SELECT citus_is_coordinator(), to_regclass('operator.pins') IS NOT NULL",
                &[],
            )
            .await?;
        if !row.get::<_, bool>(0) {
            return obstacle("DATABASE_URL names a worker; name the coordinator");
        }
        if !row.get::<_, bool>(1) {
            return obstacle("the schema is older than this program; run `pigeonhole migrate` first");
        }
        Ok(())
    }

    /// Whether the Citus extension is created in this database.
    pub(crate) async fn has_citus(&self) -> Result<bool, ClusterError> {
        let sql = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
        Ok(self.row("looking for Citus", sql, &[]).await?.get(0))
    }

    /// Refuses a user that is not a superuser: Citus' node functions need one.
    pub(crate) async fn require_superuser(&self) -> Result<(), ClusterError> {
        match self.ordinary_user().await? {
            None => Ok(()),
            Some(user) => obstacle(format!(
                "this command needs a superuser and DATABASE_URL names {user}; run it with \
                 DATABASE_URL=postgresql://postgres@… ({})",
                "only the cluster commands need it, the application does not"
            )),
        }
    }

    /// The user's name, if it is not a superuser.
    async fn ordinary_user(&self) -> Result<Option<String>, ClusterError> {
        let sql = "SELECT rolsuper, current_user::text FROM pg_roles WHERE rolname = current_user";
        let row = self.row("looking at the user", sql, &[]).await?;
        Ok((!row.get::<_, bool>(0)).then(|| row.get(1)))
    }

    /// Refuses an action of the console that this connection's user may not do, and names the command line
    /// (`pigeonhole cluster` with `command`) that does the same.
    ///
    /// # Errors
    /// On plain PostgreSQL, on a worker, and when the user is not a superuser.
    pub async fn require_operator(&self, command: &str) -> Result<(), ClusterError> {
        self.require_cluster().await?;
        match self.ordinary_user().await? {
            None => Ok(()),
            Some(user) => obstacle(format!(
                "this needs a superuser, and this program was started with a DATABASE_URL that names \
                 {user}, as it should be. \
                 Type: DATABASE_URL=postgresql://postgres@… pigeonhole cluster {command}"
            )),
        }
    }
}

/// Sends a cancel request. Gives up after two seconds, since the server may be frozen.
pub(crate) async fn cancel(token: CancelToken) {
    let _ = tokio::time::timeout(Duration::from_secs(2), token.cancel_query(NoTls)).await;
}
