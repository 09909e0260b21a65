//! Transactions that block shard moves. A move creates a replication slot on the source node. PostgreSQL
//! waits with that until every transaction on the server that has written something has ended, in any
//! database: a forgotten prepared transaction blocks moves for ever. Citus does not report this, so this
//! program asks each node which transactions its replication slots wait for.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use super::error::ClusterError;
use super::node::{self, NODE_TIMEOUT};
use super::node_connection::NodeConnection;

/// A transaction that blocks a move, or would block one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// host:port.
    pub node: String,
    /// May be another application's database.
    pub database: String,
    /// The backend; none for a prepared transaction.
    pub pid: Option<i32>,
    /// The identifier of a prepared transaction.
    pub gid: Option<String>,
    pub user: String,
    /// application_name.
    pub application: String,
    /// pg_stat_activity.state, or `prepared`.
    pub state: String,
    /// When it began or was prepared.
    pub since: Option<DateTime<Utc>>,
    /// Seconds since then.
    pub age: i64,
    /// When its last statement began.
    pub statement_since: Option<DateTime<Utc>>,
    /// For how many seconds Citus or this program has waited for it; none when neither waits.
    pub kept_waiting: Option<i64>,
    /// Whether the waiting process creates a replication slot, as opposed to waiting for a lock.
    pub slot: bool,
    /// Whether it is open in Pigeonhole's database.
    pub ours: bool,
}

const LONG_OR_BLOCKING: &str = "
    WITH waits AS MATERIALIZED (
        SELECT a.backend_type = 'walsender' AS slot, l.transactionid, pg_blocking_pids(a.pid) AS blockers,
               extract(epoch FROM clock_timestamp() - l.waitstart)::bigint AS seconds
        FROM pg_stat_activity a JOIN pg_locks l USING (pid)
        WHERE NOT l.granted AND a.datname = current_database()
          -- Slots wait for short transactions all the time, and Citus' sessions for the application's locks.
          AND ((a.backend_type = 'walsender' AND l.waitstart < clock_timestamp() - interval '2 seconds')
            OR (a.application_name ~ '^(Citus |citus_|pigeonhole cluster)'
                AND l.waitstart < clock_timestamp() - interval '10 seconds')))
    SELECT coalesce(s.datname::text, '?'), s.pid, NULL::text, coalesce(s.usename::text, '?'),
           s.application_name, coalesce(s.state, '?'), s.xact_start,
           coalesce(extract(epoch FROM clock_timestamp() - s.xact_start), 0)::bigint, s.query_start,
           w.seconds, coalesce(w.slot, false), coalesce(s.datname = current_database(), false)
    FROM pg_stat_activity s,
         LATERAL (SELECT max(seconds) AS seconds, bool_or(slot) AS slot FROM waits
                  WHERE s.pid = ANY (blockers)) w
    WHERE w.seconds IS NOT NULL
       OR (s.backend_type = 'client backend' AND s.backend_xid IS NOT NULL
           AND s.xact_start < now() - interval '5 minutes'
           AND s.application_name !~ '^(Citus |citus_|pigeonhole cluster)')
    UNION ALL
    SELECT p.database::text, NULL, p.gid, p.owner::text, '', 'prepared', p.prepared,
           extract(epoch FROM clock_timestamp() - p.prepared)::bigint, NULL,
           w.seconds, coalesce(w.slot, false), p.database = current_database()
    FROM pg_prepared_xacts p,
         LATERAL (SELECT max(seconds) AS seconds, bool_or(slot) AS slot FROM waits
                  WHERE transactionid = p.transaction
                     OR (transactionid IS NULL AND 0 = ANY (blockers) AND p.database = current_database())) w
    WHERE w.seconds IS NOT NULL OR p.prepared < now() - interval '1 minute'";

impl Blocker {
    /// Reads a row of [`LONG_OR_BLOCKING`].
    fn from_row(row: &Row, node: &str) -> Self {
        Self {
            node: node.to_owned(),
            database: row.get(0),
            pid: row.get(1),
            gid: row.get(2),
            user: row.get(3),
            application: row.get(4),
            state: row.get(5),
            since: row.get(6),
            age: row.get(7),
            statement_since: row.get(8),
            kept_waiting: row.get(9),
            slot: row.get(10),
            ours: row.get(11),
        }
    }

    /// Identifies the transaction: the same at every poll, unlike [`Self::finding`].
    pub fn name(&self) -> String {
        let which = match (&self.gid, self.pid) {
            (Some(gid), _) => format!("prepared transaction {}", quoted(gid)),
            (None, pid) => format!("pid {}", pid.unwrap_or_default()),
        };
        format!("{which} in database {} on {}", self.database, self.node)
    }

    /// One line for the operator: what waits for the transaction, and how long it has been open.
    pub fn finding(&self) -> String {
        let what = if self.slot { "a replication slot in the making" } else { "a move" };
        let waits = self
            .kept_waiting
            .map_or_else(|| "moves would wait for".to_owned(), |s| format!("{what} has waited {s} s for"));
        let by = if self.application.is_empty() {
            String::new()
        } else {
            format!(", application {}", self.application)
        };
        let since = self
            .since
            .map_or_else(String::new, |at| format!(", open since {} ({} s)", timestamp(at), self.age));
        let statement = self
            .statement_since
            .map_or_else(String::new, |at| format!(", last statement began {}", timestamp(at)));
        format!("{waits} {}: {}, user {}{by}{since}{statement}", self.name(), self.state, self.user)
    }

    /// What the operator can do about it.
    pub fn remedy(&self) -> String {
        let Some(gid) = &self.gid else {
            return format!(
                "let it end, or on {}: SELECT pg_terminate_backend({});",
                self.node,
                self.pid.unwrap_or_default()
            );
        };
        let (gid, place) = (quoted(gid), format!("on {} in database {}", self.node, self.database));
        match (gid.starts_with("'citus_"), self.ours) {
            (true, true) => {
                format!(
                    "it is decided when the node that began it is back; then {place}: \
                     SELECT recover_prepared_transactions();"
                )
            }
            (true, false) => {
                format!(
                    "{place}: SELECT recover_prepared_transactions(); or, when its cluster is gone: \
                     ROLLBACK PREPARED {gid};"
                )
            }
            (false, _) => format!("if no program is going to decide it, {place}: ROLLBACK PREPARED {gid};"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn timestamp(at: DateTime<Utc>) -> String {
    at.format("%F %T UTC").to_string()
}

/// The transactions of one node that block a move, and those that have been open so long that they would.
pub(crate) async fn on(connection: &NodeConnection, node: &str) -> Result<Vec<Blocker>, ClusterError> {
    let rows = connection.rows("looking at open transactions", LONG_OR_BLOCKING, &[]).await?;
    Ok(rows.iter().map(|row| Blocker::from_row(row, node)).collect())
}

/// The transactions that block a move now, on all nodes that answer within [`NODE_TIMEOUT`].
pub(crate) async fn on_all_nodes(coordinator: &NodeConnection) -> Vec<Blocker> {
    let Ok(Ok(nodes)) = tokio::time::timeout(NODE_TIMEOUT, node::list(coordinator)).await else {
        return Vec::new();
    };
    let answers = nodes.iter().map(|node| async {
        let answer = async {
            let connection = NodeConnection::node(coordinator.config(), &node.address).await?;
            on(&connection, &node.address.to_string()).await
        };
        tokio::time::timeout(NODE_TIMEOUT, answer)
            .await
            .unwrap_or_else(|_| Ok(Vec::new()))
            .unwrap_or_default()
    });
    let found = futures_util::future::join_all(answers).await;
    found.into_iter().flatten().filter(|blocker| blocker.kept_waiting.is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::Blocker;

    fn blocker(pid: Option<i32>, gid: Option<&str>, ours: bool) -> Blocker {
        Blocker {
            node: "w1:5432".to_owned(),
            database: "other".to_owned(),
            pid,
            gid: gid.map(str::to_owned),
            user: "ann".to_owned(),
            application: "psql".to_owned(),
            state: "idle in transaction".to_owned(),
            since: None,
            age: 9,
            statement_since: None,
            kept_waiting: Some(7),
            slot: true,
            ours,
        }
    }

    #[test]
    fn a_blocker_is_named_with_its_remedy() {
        let connection = blocker(Some(17), None, false);
        let finding = "a replication slot in the making has waited 7 s for pid 17 in database other on \
            w1:5432: idle in transaction, user ann, application psql";
        assert_eq!(connection.finding(), finding);
        assert!(
            connection.remedy().contains("on w1:5432: SELECT pg_terminate_backend(17);"),
            "{}",
            connection.remedy()
        );
        let foreign = blocker(None, Some("it's"), false).remedy();
        assert!(foreign.contains("in database other: ROLLBACK PREPARED 'it''s';"), "{foreign}");
        // Only Citus knows whether the transaction was committed on the other nodes.
        let own = blocker(None, Some("citus_0_1_2_3"), true).remedy();
        assert!(own.contains("recover_prepared_transactions") && !own.contains("ROLLBACK"), "{own}");
    }
}
