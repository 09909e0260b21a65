//! How many connections a node has, whose they are, and how many it takes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

/// From here on somebody should look.
const TOO_MANY_PERCENT: i64 = 80;

/// The connections of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// All that are open, of every database.
    pub open: i64,
    /// How many there may be, without those that are kept for superusers.
    pub limit: i64,
    /// Those of this program to this database, by the name that each pool gives itself.
    pub ours: BTreeMap<String, i64>,
    /// Those by which nodes ask each other.
    pub citus: i64,
    /// All others: people, monitoring, other databases.
    pub others: i64,
}

const LOOK: &str = "
    SELECT CASE WHEN application_name ~ '^citus_(internal|rebalancer|run_command)' THEN 'citus'
                WHEN datname = current_database()
                AND application_name LIKE 'pigeonhole%' THEN application_name
                ELSE '' END AS who, count(*),
           current_setting('max_connections')::bigint -
           current_setting('superuser_reserved_connections')::bigint
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1";

/// Counts them. Our own is there, so there is a row.
pub(super) async fn look(connection: &NodeConnection) -> Result<ConnectionCounts, ClusterError> {
    let mut found = ConnectionCounts::default();
    for row in connection.rows("counting connections", LOOK, &[]).await? {
        let (who, count): (String, i64) = (row.get(0), row.get(1));
        found.open += count;
        found.limit = row.get(2);
        match who.as_str() {
            "citus" => found.citus += count,
            "" => found.others += count,
            _ => *found.ours.entry(who).or_default() += count,
        }
    }
    Ok(found)
}

impl ConnectionCounts {
    /// Whether it is time to do something.
    pub(super) fn near_limit(&self) -> bool {
        self.open * 100 > self.limit * TOO_MANY_PERCENT
    }

    /// Whose they are, in words.
    pub fn by_owner(&self) -> String {
        let ours = self.ours.iter().map(|(who, count)| format!("{count} {who}"));
        ours.chain([format!("{} Citus", self.citus), format!("{} others", self.others)])
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionCounts;

    #[test]
    fn over_eighty_percent_are_too_many_and_are_named() {
        let mut connections =
            ConnectionCounts { open: 80, limit: 100, citus: 20, others: 1, ..ConnectionCounts::default() };
        assert!(!connections.near_limit());
        connections.open = 81;
        connections.ours.insert("pigeonhole_app".to_owned(), 60);
        assert!(connections.near_limit());
        assert_eq!(connections.by_owner(), "60 pigeonhole_app, 20 Citus, 1 others");
    }
}
