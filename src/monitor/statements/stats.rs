//! The statistics of statements, and their tables.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::monitor::nodes::MissingNode;
use crate::monitor::table::{Cell, Table};

/// The costliest statements of all nodes.
#[derive(Serialize)]
pub struct Statements {
    pub at: DateTime<Utc>,
    /// The nodes that count statements. The others lack the extension pg_stat_statements.
    pub counting: Vec<String>,
    /// The nodes whose statistics cannot be read, with the reason. A crash can damage their file until it is
    /// reset.
    pub unreadable: Vec<MissingNode>,
    /// The costliest first.
    pub statements: Vec<StatementStats>,
    /// Citus' counters of each node since its start.
    pub counters: Vec<CitusCounters>,
    /// The time of the sample from a day ago that `since` compares with.
    pub compared_with: Option<DateTime<Utc>>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A statement, summed up over all nodes and shards.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StatementStats {
    /// The statement without shard numbers.
    pub text: String,
    #[serde(rename = "way")]
    pub scope: StatementScope,
    pub calls: i64,
    /// The time of all calls.
    pub total_ms: f64,
    pub rows: i64,
    /// The number of nodes on which it ran.
    pub nodes: usize,
    /// The increase of calls and milliseconds since the sample; none when the sample lacks the statement.
    pub since: Option<(i64, f64)>,
}

/// What a statement ran on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementScope {
    /// A shard's table, sent directly to its node.
    OnTheShard,
    /// One tenant's rows, through Citus or on plain PostgreSQL.
    OneTenant,
    /// Other tables, such as the catalog, or the rows of several tenants.
    #[default]
    Other,
}

impl StatementScope {
    /// For the operator.
    pub fn words(self) -> &'static str {
        match self {
            Self::OnTheShard => "one shard, directly",
            Self::OneTenant => "one tenant",
            Self::Other => "other",
        }
    }
}

/// citus_stat_counters of a node.
#[derive(Clone, Debug, Serialize)]
pub struct CitusCounters {
    /// host:port.
    pub node: String,
    /// Statements that Citus sent to one shard.
    pub single_shard: i64,
    /// Statements that Citus sent to several shards. When this number grows, a statement lacks its tenant.
    pub multi_shard: i64,
    /// Connections to other nodes: opened, failed, and reused.
    pub made: i64,
    pub failed: i64,
    pub reused: i64,
}

/// Sums up the statements of several nodes by their text, the costliest first.
pub(super) fn summed(nodes: Vec<Vec<StatementStats>>) -> Vec<StatementStats> {
    let mut sums: HashMap<String, StatementStats> = HashMap::new();
    for statements in nodes {
        let mut on_node: HashMap<String, StatementStats> = HashMap::new();
        for statement in statements {
            add(&mut on_node, statement);
        }
        for statement in on_node.into_values() {
            add(&mut sums, statement).nodes += 1;
        }
    }
    let mut all: Vec<StatementStats> = sums.into_values().collect();
    all.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms));
    all
}

fn add(sums: &mut HashMap<String, StatementStats>, statement: StatementStats) -> &mut StatementStats {
    let StatementStats { calls, total_ms, rows, .. } = statement;
    let sum = sums.entry(statement.text.clone()).or_insert_with(|| StatementStats {
        calls: 0,
        total_ms: 0.0,
        rows: 0,
        nodes: 0,
        ..statement
    });
    sum.calls += calls;
    sum.total_ms += total_ms;
    sum.rows += rows;
    sum
}

impl StatementStats {
    /// The mean time of a call in milliseconds.
    #[allow(clippy::cast_precision_loss, reason = "a mean")]
    pub fn mean_ms(&self) -> f64 {
        self.total_ms / self.calls.max(1) as f64
    }

    fn cells(&self, compared: bool) -> [Cell; 9] {
        let (more_ms, more_calls) = match self.since {
            _ if !compared => (String::new(), String::new()),
            Some((calls, ms)) => (format!("{ms:.0}"), calls.to_string()),
            None => ("new".to_owned(), String::new()),
        };
        [
            format!("{:.0}", self.total_ms).into(),
            self.calls.to_string().into(),
            format!("{:.2}", self.mean_ms()).into(),
            self.rows.to_string().into(),
            self.nodes.to_string().into(),
            self.scope.words().into(),
            more_ms.into(),
            more_calls.into(),
            Cell::code(self.text.clone()),
        ]
    }
}

impl Statements {
    /// The statements and Citus' counters as tables.
    pub fn tables(&self) -> Vec<Table> {
        let heads = [
            "#total ms",
            "#calls",
            "#mean ms",
            "#rows",
            "#nodes",
            "ran on",
            "#more ms",
            "#more calls",
            "statement",
        ];
        let mut statements = Table::new("Statements", &heads).when_empty("No node counts statements.");
        for statement in &self.statements {
            statements.row(statement.cells(self.compared_with.is_some()));
        }
        let heads =
            ["node", "#to one shard", "#to several shards", "#connections made", "#failed", "#used again"];
        let mut counters = Table::new("What Citus counts since each node's start", &heads)
            .when_empty("Nothing: this is not Citus, or citus.enable_stat_counters is off.");
        for row in &self.counters {
            let numbers = [row.single_shard, row.multi_shard, row.made, row.failed, row.reused]
                .map(|number| number.to_string());
            counters.row(std::iter::once(row.node.clone()).chain(numbers));
        }
        vec![statements, counters]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_statement_on_shards_and_nodes_is_summed_up() {
        let of = |text: &str, calls| StatementStats {
            text: text.to_owned(),
            calls,
            total_ms: 1.0,
            ..StatementStats::default()
        };
        let sums = summed(vec![vec![of("a", 1), of("a", 2), of("b", 1)], vec![of("a", 4)]]);
        assert_eq!((sums[0].text.as_str(), sums[0].calls, sums[0].nodes), ("a", 7, 2));
        assert_eq!((sums[1].calls, sums[1].nodes), (1, 1));
    }
}
