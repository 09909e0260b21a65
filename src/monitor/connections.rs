//! How many connections to a node are open, by owner, and how many it allows.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

/// Above this share of max_connections a node gets a warning.
const TOO_MANY_PERCENT: i64 = 80;

/// The number of open connections to one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// All open connections, of every database.
    pub open: i64,
    /// max_connections without those reserved for superusers.
    pub limit: i64,
    /// Pigeonhole's connections to this database by application_name, which differs for each pool.
    pub ours: BTreeMap<String, i64>,
    /// Citus' connections between nodes.
    pub citus: i64,
    /// All others: psql sessions, monitoring tools, other databases.
    pub others: i64,
}

const COUNT: &str = "
    SELECT CASE WHEN application_name ~ '^citus_(internal|rebalancer|run_command)' THEN 'citus'
                WHEN datname = current_database() AND application_name LIKE 'pigeonhole%'
                THEN application_name ELSE '' END AS owner, count(*),
           current_setting('max_connections')::bigint
           - current_setting('superuser_reserved_connections')::bigint
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1";

/// Counts the node's connections. This one is counted too, so there is always a row.
pub(super) async fn count(connection: &NodeConnection) -> Result<ConnectionCounts, ClusterError> {
    let mut counts = ConnectionCounts::default();
    for row in connection.rows("counting connections", COUNT, &[]).await? {
        let (owner, count): (String, i64) = (row.get(0), row.get(1));
        counts.open += count;
        counts.limit = row.get(2);
        match owner.as_str() {
            "citus" => counts.citus += count,
            "" => counts.others += count,
            _ => *counts.ours.entry(owner).or_default() += count,
        }
    }
    Ok(counts)
}

impl ConnectionCounts {
    /// Whether more than 80 % of the limit is used.
    pub(super) fn near_limit(&self) -> bool {
        self.open * 100 > self.limit * TOO_MANY_PERCENT
    }

    /// The counts by owner, for example `60 pigeonhole_app, 20 Citus, 1 others`.
    pub fn by_owner(&self) -> String {
        let ours = self.ours.iter().map(|(owner, count)| format!("{count} {owner}"));
        ours.chain([format!("{} Citus", self.citus), format!("{} others", self.others)])
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionCounts;

    #[test]
    fn a_node_above_eighty_percent_is_near_its_limit() {
        let mut connections =
            ConnectionCounts { open: 80, limit: 100, citus: 20, others: 1, ..ConnectionCounts::default() };
        assert!(!connections.near_limit());
        connections.open = 81;
        connections.ours.insert("pigeonhole_app".to_owned(), 60);
        assert!(connections.near_limit());
        assert_eq!(connections.by_owner(), "60 pigeonhole_app, 20 Citus, 1 others");
    }
}
