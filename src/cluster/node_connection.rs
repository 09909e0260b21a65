//! One connection to one node, with a clock of our own on every statement: no server's timeout covers a
//! server that is frozen. Every statement of this folder goes through here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Config, NoTls, Row, Statement};

use super::address::NodeAddress;
use super::error::{ClusterError, obstacle};
use crate::db;

/// How long a statement may take that only looks or changes little.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Locks are waited for shortly, so that an operator's statement never stands at the head of the
/// application's queue.
const OPTIONS: &str = "-c lock_timeout=5s -c statement_timeout=55s -c idle_in_transaction_session_timeout=0 \
    -c citus.node_connection_timeout=3000 -c citus.max_cached_conns_per_worker=0 \
    -c citus.override_table_visibility=off -c client_min_messages=error";

/// Who only looks has a role that can read no note, and changes nothing unless a transaction says so.
const WATCHING: &str = "-c role=pigeonhole_console -c default_transaction_read_only=on -c lock_timeout=500 \
    -c citus.max_cached_conns_per_worker=0 -c client_min_messages=error";
/// How long a statement goes on of which nobody waits for the answer any more.
const AFTER_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection to a node.
pub struct NodeConnection {
    /// Of a session that asks the same again and again, what is prepared.
    prepared: Option<Mutex<HashMap<String, Statement>>>,
    client: Client,
    name: String,
    config: Config,
    actor: Option<String>,
}

/// The values of a statement.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl NodeConnection {
    /// Connects to the database that `config` names, which should be the coordinator's.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn coordinator(config: &Config) -> Result<Self, ClusterError> {
        Self::open(config, "the coordinator".to_owned()).await
    }

    /// Connects to a node, or where none is named to the coordinator, with the console's role, to ask nothing
    /// that takes much longer than `patience`.
    pub(crate) async fn read_only(
        config: &Config,
        address: Option<&NodeAddress>,
        timeout: Duration,
    ) -> Result<Self, ClusterError> {
        let (there, name) = match address {
            Some(address) => (address.on(config), address.to_string()),
            None => (config.clone(), "the coordinator".to_owned()),
        };
        let options = format!(
            "{WATCHING} -c citus.node_connection_timeout={} -c statement_timeout={}",
            timeout.as_millis(),
            (timeout + AFTER_TIMEOUT).as_millis()
        );
        let connection = Self::open_with(&there, name, &options, "pigeonhole console").await?;
        Ok(Self { prepared: Some(Mutex::default()), ..connection })
    }

    /// Connects to another node as the same user.
    pub(crate) async fn node(config: &Config, address: &NodeAddress) -> Result<Self, ClusterError> {
        Self::open(&address.on(config), address.to_string()).await
    }

    /// Connects as `config` says, to a node that is called `name`.
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
        let mut own = config.clone();
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        own.options(format!("{given}{options}")).application_name(application);
        let client = db::connect(&own).await?;
        Ok(Self { prepared: None, client, name, config: config.clone(), actor: None })
    }

    /// Whose operations these are, where it is somebody else than the account that runs this program.
    #[must_use]
    pub fn on_behalf_of(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Another connection for the same operations.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn open_another(&self) -> Result<Self, ClusterError> {
        let other = Self::open(&self.config, self.name.clone()).await?;
        Ok(Self { actor: self.actor.clone(), ..other })
    }

    /// Whose operations these are, where it was said.
    pub(crate) fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// Whether the connection is known to be gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The settings that this session was opened with, to open others.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What to call the node in a sentence.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements whose rows nobody needs.
    pub(crate) async fn run(&self, what: &str, sql: &str) -> Result<(), ClusterError> {
        self.run_within(TIMEOUT, what, sql).await
    }

    pub(crate) async fn run_within(
        &self,
        timeout: Duration,
        what: &str,
        sql: &str,
    ) -> Result<(), ClusterError> {
        self.with_timeout(timeout, what, self.client.batch_execute(sql)).await
    }

    /// Runs one statement and gives its rows.
    pub(crate) async fn rows(
        &self,
        what: &str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.rows_within(TIMEOUT, what, sql, values).await
    }

    pub(crate) async fn rows_within(
        &self,
        timeout: Duration,
        what: &str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.with_timeout(timeout, what, self.query(sql, values)).await
    }

    /// Runs one statement that gives exactly one row.
    pub(crate) async fn row(&self, what: &str, sql: &str, values: Values<'_>) -> Result<Row, ClusterError> {
        self.row_within(TIMEOUT, what, sql, values).await
    }

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

    /// Asks the server to drop what this session runs, without waiting for it.
    fn cancel_soon(&self) {
        tokio::spawn(cancel(self.client.cancel_token()));
    }

    /// What stops a long statement of this session from elsewhere.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Refuses a database without Citus, a node that is not the coordinator, and a schema without our tables.
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

    pub(crate) async fn has_citus(&self) -> Result<bool, ClusterError> {
        let sql = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
        Ok(self.row("looking for Citus", sql, &[]).await?.get(0))
    }

    /// Refuses a user that Citus' node functions would refuse.
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

    /// The user's name where it is no superuser.
    async fn ordinary_user(&self) -> Result<Option<String>, ClusterError> {
        let sql = "SELECT rolsuper, current_user::text FROM pg_roles WHERE rolname = current_user";
        let row = self.row("looking at the user", sql, &[]).await?;
        Ok((!row.get::<_, bool>(0)).then(|| row.get(1)))
    }

    /// Refuses what this session cannot do for somebody at the console, and says what to type instead.
    ///
    /// # Errors
    /// On plain PostgreSQL, on a worker, and as a user who is no superuser.
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

/// Asks a server to cancel, and waits two seconds at most for the request to be sent.
pub(crate) async fn cancel(token: CancelToken) {
    let _ = tokio::time::timeout(Duration::from_secs(2), token.cancel_query(NoTls)).await;
}
