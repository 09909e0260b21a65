//! The running sessions of one node.

use std::collections::HashSet;

use serde::Serialize;
use tokio_postgres::Row;

use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;
use crate::monitor::statement_text;
use crate::monitor::table::seconds;

/// The most sessions that are shown of one node.
const MOST: i64 = 200;
/// A session that has been idle in a transaction for more seconds gets a warning: it may hold locks.
const LONG_IDLE: f64 = 60.0;
/// Citus' global process id (gpid) is the node id times this, plus the pid.
pub(super) const NODE_STEP: i64 = 10_000_000_000;

/// A session that runs a statement or has a transaction open.
#[derive(Clone, Debug, Serialize)]
pub struct RunningSession {
    /// host:port.
    pub node: String,
    /// The node's group number.
    pub group: i32,
    pub pid: i32,
    /// Citus' global process id, unique over all nodes.
    pub gpid: i64,
    /// The gpid of the session on another node for which this one works.
    pub part_of: Option<i64>,
    /// Its database; empty for the application's own.
    pub database: String,
    pub user: String,
    /// application_name, or the backend type of a background process.
    pub application: String,
    /// The client's IP address, or `local`.
    pub client: String,
    /// pg_stat_activity.state.
    pub state: String,
    /// What it waits for, for example `Lock transactionid`.
    pub wait: String,
    /// Seconds since its transaction began.
    pub transaction: Option<f64>,
    /// Seconds since its statement began, or since it became idle.
    pub since: Option<f64>,
    /// Whether it has been idle in a transaction for over a minute.
    pub long_idle: bool,
    /// When its session and its statement began, in microseconds since 1970.
    pub began: (i64, i64),
    /// Its statement without quoted values, which belong to tenants.
    pub statement: String,
    /// The tenant, if Citus wrote it into a statement between nodes.
    pub tenant: Option<String>,
    /// The shards that its statement names.
    pub shards: Vec<i64>,
    /// The pids on the same node that block it; 0 is a prepared transaction.
    #[serde(skip)]
    pub(super) blockers: Vec<i32>,
}

const SESSIONS: &str = "
    WITH waiting AS MATERIALIZED (
        SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity WHERE wait_event_type = 'Lock')
    SELECT a.pid, CASE WHEN a.datname = current_database() THEN ''
                       ELSE coalesce(a.datname::text, '') END AS database,
           coalesce(a.usename::text, '') AS usename,
           CASE WHEN a.application_name = '' AND a.backend_type <> 'client backend' THEN a.backend_type
                ELSE a.application_name END AS application,
           coalesce(host(a.client_addr), 'local') AS client, coalesce(a.state, '') AS state,
           CASE WHEN a.state = 'active' OR a.wait_event_type = 'Lock'
                THEN concat_ws(' ', a.wait_event_type, a.wait_event) ELSE '' END AS wait,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction,
           extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start
                                                       ELSE a.state_change END)::float8 AS since,
           (extract(epoch FROM a.backend_start) * 1000000)::bigint AS session_began,
           coalesce((extract(epoch FROM a.query_start) * 1000000)::bigint, 0) AS statement_began,
           left(a.query, 1500) AS query, coalesce(w.blockers, '{}') AS blockers,
           a.state LIKE 'idle in transaction%' AS idle_in_transaction
    FROM pg_stat_activity a LEFT JOIN waiting w USING (pid)
    WHERE a.pid <> pg_backend_pid()
      AND ((a.backend_type = 'client backend' AND a.state <> 'idle'
            AND a.application_name <> 'pigeonhole console')
           OR a.backend_type LIKE 'Citus Background Task%' OR w.pid IS NOT NULL
           OR a.pid IN (SELECT unnest(blockers) FROM waiting))
    ORDER BY a.xact_start NULLS LAST LIMIT $1";

/// Reads the running sessions of a node; `node_ids` are those of the whole cluster.
pub(super) async fn of_node(
    connection: &NodeConnection,
    node: &ClusterNode,
    node_ids: &HashSet<i64>,
) -> Result<Vec<RunningSession>, ClusterError> {
    let rows = connection.rows("looking at sessions", SESSIONS, &[&MOST]).await?;
    Ok(rows.iter().map(|row| RunningSession::from_row(row, node, node_ids)).collect())
}

impl RunningSession {
    /// Reads a row of [`SESSIONS`].
    fn from_row(row: &Row, node: &ClusterNode, node_ids: &HashSet<i64>) -> Self {
        let (pid, application, query): (i32, String, &str) =
            (row.get("pid"), row.get("application"), row.get("query"));
        let since: Option<f64> = row.get("since");
        let gpid = i64::from(node.id) * NODE_STEP + i64::from(pid);
        let idle = row.get::<_, Option<bool>>("idle_in_transaction") == Some(true);
        Self {
            node: node.address.to_string(),
            group: node.group,
            pid,
            gpid,
            part_of: origin(&application)
                .filter(|origin| node_ids.contains(&(origin / NODE_STEP)) && *origin != gpid),
            database: row.get("database"),
            user: row.get("usename"),
            application,
            client: row.get("client"),
            state: row.get("state"),
            wait: row.get("wait"),
            transaction: row.get("transaction"),
            since,
            long_idle: idle && since.is_some_and(|since| since > LONG_IDLE),
            began: (row.get("session_began"), row.get("statement_began")),
            statement: statement_text::masked(statement_text::without_tenant(query)),
            tenant: statement_text::tenant(query).map(str::to_owned),
            shards: statement_text::shards(query),
            blockers: row.get("blockers"),
        }
    }

    /// Its state, for how long, and what it waits for.
    pub fn state_line(&self) -> String {
        let since = self.since.map_or_else(String::new, |since| format!(" for {}", seconds(since)));
        let wait = if self.wait.is_empty() { String::new() } else { format!(", waits: {}", self.wait) };
        format!("{}{since}{wait}", if self.state.is_empty() { "busy" } else { &self.state })
    }

    /// The tenant and the shards whose rows it uses, as far as its statement shows them.
    pub fn subject(&self) -> String {
        let tenant = self.tenant.as_ref().map(|tenant| format!("tenant {tenant}"));
        let shards = self.shards.iter().map(|shard| format!("shard {shard}"));
        tenant.into_iter().chain(shards).collect::<Vec<_>>().join(", ")
    }

    /// The age of its transaction; empty without one.
    pub fn age(&self) -> String {
        self.transaction.map_or_else(String::new, seconds)
    }

    /// Its user, application, client and database.
    pub fn origin(&self) -> String {
        let database =
            if self.database.is_empty() { String::new() } else { format!(", database {}", self.database) };
        match self.part_of {
            Some(_) => format!("{}, for another node{database}", self.user),
            None => format!("{} {} from {}{database}", self.user, self.application, self.client),
        }
    }
}

/// The gpid that Citus writes into the application_name of its connections between nodes.
fn origin(application: &str) -> Option<i64> {
    application.strip_prefix("citus_internal gpid=")?.parse().ok()
}
