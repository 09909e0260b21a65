//! What costs: pg_stat_statements of all nodes added up. A statement that ran on a shard names the shard's
//! own table, so the same statement stands there once for each shard; the numbers are taken out of the names
//! and what is then the same is one.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::table::{Cell, Table};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;

/// Statements that are shown, and that are kept each hour.
const MOST_SHOWN: usize = 50;
pub(super) const MOST_KEPT: usize = 200;

/// All of them.
#[derive(Serialize)]
pub struct Statements {
    /// When.
    pub at: DateTime<Utc>,
    /// The nodes that count statements; the others lack the extension pg_stat_statements.
    pub counting: Vec<String>,
    /// The nodes that cannot say, with the reason: after a crash the file can be damaged until it is reset.
    pub unreadable: Vec<MissingNode>,
    /// The costliest first.
    pub statements: Vec<StatementStats>,
    /// What Citus counts on each node since its start.
    pub counters: Vec<CitusCounters>,
    /// When the earlier state is from with which it is compared, where there is one.
    pub compared_with: Option<DateTime<Utc>>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A statement over all nodes and shards.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StatementStats {
    /// The statement without the numbers of shards.
    pub text: String,
    /// Where it ran.
    pub way: StatementScope,
    /// How often.
    pub calls: i64,
    /// Milliseconds in all.
    pub total_ms: f64,
    /// Rows in all.
    pub rows: i64,
    /// Nodes on which it ran.
    pub nodes: usize,
    /// More calls and milliseconds than in the earlier state; none when it was not there.
    pub since: Option<(i64, f64)>,
}

/// Where a statement ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementScope {
    /// On the shard's own table.
    OnTheShard,
    /// Through Citus, or on plain PostgreSQL, for one tenant.
    OneTenant,
    /// On other tables, such as the catalog, or on all tenants.
    #[default]
    Other,
}

impl StatementScope {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OnTheShard => "one shard, directly",
            Self::OneTenant => "one tenant",
            Self::Other => "other",
        }
    }
}

/// What Citus counts on a node.
#[derive(Clone, Debug, Serialize)]
pub struct CitusCounters {
    /// host:port.
    pub node: String,
    /// Statements that went to one shard.
    pub single_shard: i64,
    /// Statements that went to several: more and more of them means that one forgot its tenant.
    pub multi_shard: i64,
    /// Connections to other nodes that were made.
    pub made: i64,
    /// That failed.
    pub failed: i64,
    /// That were used again.
    pub reused: i64,
}

const ALL: &str = "
    SELECT query, calls, total_exec_time, rows FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query <> '<insufficient privilege>'
    ORDER BY total_exec_time DESC LIMIT 1000";
const COUNTERS: &str = "
    SELECT query_execution_single_shard, query_execution_multi_shard, connection_establishment_succeeded,
           connection_establishment_failed, connection_reused
    FROM citus_stat_counters WHERE name = current_database()";
const BEFORE: &str = "
    SELECT statement, calls, total_ms, at FROM operator.statement_samples
    WHERE at = (SELECT min(at) FROM operator.statement_samples WHERE at > now() - interval '25 hours')";

/// What one node says of itself.
enum NodeStatements {
    NotCounting,
    Unreadable(String),
    Counted(Vec<StatementStats>),
}

/// Looks at all of them.
///
/// # Errors
/// When no node was ever listed.
pub async fn statements(nodes: &Nodes) -> Result<Statements, ClusterError> {
    let cluster = nodes.list().await?;
    let citus = cluster.citus;
    let mut found = Statements {
        at: Utc::now(),
        counting: Vec::new(),
        unreadable: Vec::new(),
        statements: Vec::new(),
        counters: Vec::new(),
        compared_with: None,
        missing: Vec::new(),
    };
    let mut all = Vec::new();
    let asked = nodes.ask_all(&cluster.nodes, async |connection, _| {
        Ok((said(connection).await?, counters(connection, citus).await?))
    });
    let (answers, before) = futures_util::future::join(asked, nodes.ask_coordinator(before)).await;
    for answer in answers {
        found.missing.extend(answer.missing());
        let node = answer.node.address.to_string();
        let Ok((said, counters)) = answer.result else { continue };
        found.counters.extend(counters.map(|counters| CitusCounters { node: node.clone(), ..counters }));
        match said {
            NodeStatements::NotCounting => {}
            NodeStatements::Unreadable(reason) => found.unreadable.push(MissingNode { node, reason }),
            NodeStatements::Counted(statements) => {
                all.push(statements);
                found.counting.push(node);
            }
        }
    }
    found.statements = added_up(all);
    found.statements.truncate(MOST_SHOWN);
    if let Ok(before) = before {
        found.compared_with = before.values().next().map(|(.., at)| *at);
        for statement in &mut found.statements {
            // Less than before means that it was reset since.
            let earlier =
                before.get(&name_of(&statement.text)).filter(|(calls, ..)| *calls <= statement.calls);
            statement.since =
                earlier.map(|(calls, total_ms, _)| (statement.calls - calls, statement.total_ms - total_ms));
        }
    }
    Ok(found)
}

/// All statements of all nodes that answer, for the samples.
pub(super) async fn counted(nodes: &Nodes) -> Result<Vec<StatementStats>, ClusterError> {
    let cluster = nodes.list().await?;
    let answers = nodes.ask_all(&cluster.nodes, async |connection, _| said(connection).await).await;
    let all = answers.into_iter().filter_map(|answer| match answer.result {
        Ok(NodeStatements::Counted(statements)) => Some(statements),
        _ => None,
    });
    let mut counted = added_up(all.collect());
    counted.truncate(MOST_KEPT);
    Ok(counted)
}

async fn said(connection: &NodeConnection) -> Result<NodeStatements, ClusterError> {
    let there = "SELECT to_regclass('pg_stat_statements') IS NOT NULL";
    if !connection.row("looking for statistics", there, &[]).await?.get::<_, bool>(0) {
        return Ok(NodeStatements::NotCounting);
    }
    // Where it is created and not loaded, and where its file was damaged by a crash, it is an error of its
    // own.
    match connection.rows("reading statements", ALL, &[]).await {
        Ok(rows) => Ok(NodeStatements::Counted(
            rows.iter()
                .map(|row| {
                    let (text, way) = normal(row.get(0));
                    StatementStats {
                        text,
                        way,
                        calls: row.get(1),
                        total_ms: row.get(2),
                        rows: row.get(3),
                        nodes: 1,
                        since: None,
                    }
                })
                .collect(),
        )),
        Err(error @ ClusterError::Refused { .. }) => Ok(NodeStatements::Unreadable(error.to_string())),
        Err(error) => Err(error),
    }
}

async fn counters(connection: &NodeConnection, citus: bool) -> Result<Option<CitusCounters>, ClusterError> {
    if !citus {
        return Ok(None);
    }
    let rows = connection.rows("reading counters", COUNTERS, &[]).await?;
    Ok(rows.first().map(|row| CitusCounters {
        node: String::new(),
        single_shard: row.get(0),
        multi_shard: row.get(1),
        made: row.get(2),
        failed: row.get(3),
        reused: row.get(4),
    }))
}

type Before = HashMap<i64, (i64, f64, DateTime<Utc>)>;

async fn before(coordinator: &NodeConnection) -> Result<Before, ClusterError> {
    let rows = coordinator.rows("reading samples", BEFORE, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect())
}

/// The statement without the numbers of shards, in one line, and where it ran.
fn normal(query: &str) -> (String, StatementScope) {
    let mut text = String::with_capacity(query.len());
    let mut on_shard = false;
    let mut rest = query;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        text.push_str(before);
        let ends = after[1 + digits..]
            .bytes()
            .next()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
        if digits >= 6 && ends {
            on_shard = true;
        } else {
            text.push_str(&after[..=digits]);
        }
        rest = &after[1 + digits..];
    }
    text.push_str(rest);
    let text = prepared(&text);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(2000).collect();
    let one = text.contains("tenant_id = $") || text.contains("identifier_hash = $");
    let way = if on_shard {
        StatementScope::OnTheShard
    } else if one {
        StatementScope::OneTenant
    } else {
        StatementScope::Other
    };
    (text, way)
}

/// A statement that was prepared by name, without that name, which is another in each session.
fn prepared(text: &str) -> &str {
    let rest = text
        .strip_prefix("PREPARE ")
        .and_then(|rest| rest.split_once(" AS "))
        .filter(|(name, _)| !name.contains(' '));
    rest.map_or(text, |(_, statement)| statement)
}

/// The name under which a statement is kept: FNV-1a of its text, which is the same in every process and
/// version.
pub(super) fn name_of(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

fn added_up(nodes: Vec<Vec<StatementStats>>) -> Vec<StatementStats> {
    let mut sums: HashMap<String, StatementStats> = HashMap::new();
    for statements in nodes {
        let mut here: HashMap<String, StatementStats> = HashMap::new();
        for statement in statements {
            let sum = here.entry(statement.text.clone()).or_insert_with(|| StatementStats {
                calls: 0,
                total_ms: 0.0,
                rows: 0,
                ..statement.clone()
            });
            sum.calls += statement.calls;
            sum.total_ms += statement.total_ms;
            sum.rows += statement.rows;
        }
        for (text, statement) in here {
            let sum = sums.entry(text).or_insert_with(|| StatementStats {
                calls: 0,
                total_ms: 0.0,
                rows: 0,
                nodes: 0,
                ..statement.clone()
            });
            sum.calls += statement.calls;
            sum.total_ms += statement.total_ms;
            sum.rows += statement.rows;
            sum.nodes += 1;
        }
    }
    let mut all: Vec<StatementStats> = sums.into_values().collect();
    all.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms));
    all
}

impl StatementStats {
    /// Milliseconds of one call.
    #[allow(clippy::cast_precision_loss, reason = "a mean")]
    pub fn mean_ms(&self) -> f64 {
        self.total_ms / self.calls.max(1) as f64
    }
}

impl Statements {
    /// The same as tables.
    pub fn tables(&self) -> Vec<Table> {
        let heads = [
            "#total ms",
            "#calls",
            "#mean ms",
            "#rows",
            "#nodes",
            "way",
            "#more ms",
            "#more calls",
            "statement",
        ];
        let mut table = Table::new("Statements", &heads).when_empty("No node counts statements.");
        for statement in &self.statements {
            let more = statement.since.map_or_else(
                || ("new".to_owned(), String::new()),
                |(calls, ms)| (format!("{ms:.0}"), calls.to_string()),
            );
            let (more_ms, more_calls) =
                if self.compared_with.is_some() { more } else { (String::new(), String::new()) };
            table.row([
                Cell::from(format!("{:.0}", statement.total_ms)),
                statement.calls.to_string().into(),
                format!("{:.2}", statement.mean_ms()).into(),
                statement.rows.to_string().into(),
                statement.nodes.to_string().into(),
                statement.way.words().into(),
                more_ms.into(),
                more_calls.into(),
                Cell::code(statement.text.clone()),
            ]);
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
        vec![table, counters]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_shards_are_taken_out_and_others_are_kept() {
        let (text, way) = normal(
            "SELECT n.id FROM notes_102034 n\n  JOIN shared.users_102012 u USING (tenant_id) \
             WHERE n.tenant_id = $1",
        );
        assert_eq!(
            (text.as_str(), way),
            (
                "SELECT n.id FROM notes n JOIN shared.users u USING (tenant_id) WHERE n.tenant_id = $1",
                StatementScope::OnTheShard
            )
        );
        assert_eq!(normal("SELECT a_12, b_1234567x, $1 FROM t_1").0, "SELECT a_12, b_1234567x, $1 FROM t_1");
        assert_eq!(normal("UPDATE notes SET x = $2 WHERE tenant_id = $1").1, StatementScope::OneTenant);
        assert_eq!(normal("PREPARE read2 AS SELECT 1").0, "SELECT 1");
        assert_eq!(normal("SELECT é_ FROM _").0, "SELECT é_ FROM _");
    }

    #[test]
    fn the_same_statement_of_shards_and_nodes_is_one() {
        let of = |text: &str, calls| StatementStats {
            text: text.to_owned(),
            calls,
            total_ms: 1.0,
            ..StatementStats::default()
        };
        let sums = added_up(vec![vec![of("a", 1), of("a", 2), of("b", 1)], vec![of("a", 4)]]);
        assert_eq!((sums[0].text.as_str(), sums[0].calls, sums[0].nodes), ("a", 7, 2));
        assert_eq!((sums[1].calls, sums[1].nodes), (1, 1));
    }
}
