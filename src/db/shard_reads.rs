//! Reading a tenant's rows from the shard itself, on the node that holds it. Citus 13.2.2 and
//! 14.0.1 plan a prepared statement anew at each execution there, and keep every one of those plans for ever
//! (citus pull request 8824); PostgreSQL plans a statement on the shard's own table once.
//!
//! The map of shards may be old, so the same message asks, after the reads, whether the shard is still at
//! home here. Whenever anything is not as expected, nobody gets an answer from here, and the statement goes
//! the way through Citus.

use std::fmt::Write;

use tokio_postgres::SimpleQueryMessage;

use super::connection::Object;
use super::error::DbError;
use super::row::Row;
use super::statement::Step;
use super::topology::{ShardPlacement, Shards};
use crate::domain::TenantId;

const AT_HOME: &str = "SELECT 1 FROM pg_catalog.pg_dist_placement WHERE shardid = $1::bigint \
    AND groupid = $2::integer AND shardstate = 1";

/// The values of each step as they are written behind EXECUTE; none when a step does more than read or a
/// value is a text.
pub(super) fn written(steps: &[Step<'_>]) -> Option<Vec<String>> {
    steps.iter().map(|step| if step.statement.only_reads() { values(step) } else { None }).collect()
}

fn values(step: &Step<'_>) -> Option<String> {
    let mut text = String::new();
    for (index, value) in step.values.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        if !value.write(&mut text) {
            return None;
        }
    }
    Some(text)
}

/// Takes the steps in one message, and so in one transaction of its own; none when the shard is not at home
/// here.
pub(super) async fn read(
    client: &mut Object,
    placement: &ShardPlacement,
    tenant: TenantId,
    steps: &[Step<'_>],
    values: &[String],
) -> Result<Option<Vec<Vec<Row>>>, DbError> {
    let mut message = format!("SET LOCAL app.tenant_id = '{tenant}'");
    let shard = placement.shards.anchor();
    for (step, values) in steps.iter().zip(values) {
        let name = client
            .named(step.statement.sql, shard, || on_shards(step.statement.sql, &placement.shards))
            .await?;
        let _ = write!(message, "; EXECUTE {name}({values})");
    }
    let name = client.named(AT_HOME, 0, || AT_HOME.to_owned()).await?;
    let _ = write!(message, "; EXECUTE {name}({shard}, {})", placement.group);
    let mut results = results(client.simple_query(&message).await?);
    let at_home = results.pop().is_some_and(|rows| rows.len() == 1);
    // Before the steps is what SET LOCAL gave, which is nothing.
    let answers = results.split_off(results.len().min(1));
    Ok((at_home && answers.len() == steps.len()).then_some(answers))
}

/// The rows of each statement of a message.
fn results(parts: Vec<SimpleQueryMessage>) -> Vec<Vec<Row>> {
    let (mut results, mut rows) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            SimpleQueryMessage::Row(row) => rows.push(Row::Text(row)),
            SimpleQueryMessage::CommandComplete(_) => results.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    results
}

/// The statement with each table's name standing for the tenant's shard of that table.
fn on_shards(sql: &str, shards: &Shards) -> String {
    let named: Vec<String> = shards
        .by_table
        .iter()
        .filter(|((schema, table), _)| reads(sql, schema, table))
        .map(|((schema, table), shard)| {
            format!("{table} AS NOT MATERIALIZED (SELECT * FROM {schema}.{table}_{shard})")
        })
        .collect();
    format!("WITH {} {}", named.join(", "), sql.replace("shared.", ""))
}

/// Whether a statement reads a table, which it writes with its schema unless that is public.
fn reads(sql: &str, schema: &str, table: &str) -> bool {
    let written = if schema == "public" { table.to_owned() } else { format!("{schema}.{table}") };
    ["FROM ", "JOIN "].iter().any(|word| {
        let ends = |rest: &str| {
            !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_' || next == '.')
        };
        sql.split(&format!("{word}{written}")).skip(1).any(ends)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_from_its_shard() {
        let tables = [
            ("public", "notes", 11),
            ("public", "note_revisions", 12),
            ("public", "sessions", 13),
            ("shared", "users", 14),
        ];
        let by_table =
            tables.map(|(schema, table, shard)| ((schema.to_owned(), table.to_owned()), shard)).into();
        let shards = Shards { by_table };
        assert_eq!(shards.anchor(), 11);
        assert_eq!(
            on_shards("SELECT 1 FROM sessions s JOIN shared.users u ON true", &shards),
            "WITH sessions AS NOT MATERIALIZED (SELECT * FROM public.sessions_13), \
             users AS NOT MATERIALIZED (SELECT * FROM shared.users_14) SELECT 1 FROM sessions s \
             JOIN users u ON true"
        );
        assert!(
            !reads("SELECT 1 FROM note_revisions", "public", "notes")
                && !reads("SELECT 1 FROM notes_old", "public", "notes")
        );
        assert!(reads("SELECT (SELECT 1 FROM notes)", "public", "notes"));
    }
}
