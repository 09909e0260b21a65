//! Reading a tenant's rows in one message from the tables that hold them: on the owning node the shard's own
//! (docs/decisions/0018), on plain PostgreSQL the tables themselves. Citus 13.2.2 and 14.0.1 plan a prepared
//! statement anew at each execution on that node and keep every one of those plans (Citus pull request 8824);
//! PostgreSQL plans a statement on the shard's table once.
//!
//! The known placement may be stale, so the message begins with a check whether the shard is still on this
//! node. If it is not, or if a statement fails, the rows are discarded and the statements go through Citus. A
//! shard that moves between the check and a read moves after the call began, so the read misses no write that
//! was acknowledged before.

use std::fmt::Write;

use tokio_postgres::SimpleQueryMessage;

use super::connection::PooledConnection;
use super::error::DbError;
use super::row::DbRow;
use super::shard_tables;
use super::statement::BoundStatement;
use super::tenant_setting::{Opening, set_tenant};
use super::topology::ShardPlacement;
use super::value::Value;
use crate::domain::TenantId;

/// The tables that hold a tenant's rows.
pub(super) enum TenantTables {
    /// Those of plain PostgreSQL.
    Whole,
    Sharded(ShardPlacement),
}

/// The arguments of EXECUTE for each statement, the tenant first; none when a statement does more than read
/// or a value is a text.
pub(super) fn arguments(tenant: TenantId, statements: &[&BoundStatement<'_>]) -> Option<Vec<String>> {
    if !statements.iter().all(|bound| bound.statement.is_read()) {
        return None;
    }
    let mut follows_lookup = false;
    let arguments_of = |bound: &&BoundStatement<'_>| {
        let tenant = if follows_lookup { tenant_of_found_user(tenant) } else { tenant.to_string() };
        follows_lookup |= bound.statement.finds_user();
        literals(tenant, &bound.values)
    };
    statements.iter().map(arguments_of).collect()
}

/// The tenant's number if the message has found a user, and NULL otherwise, which is no row's tenant. The
/// answer to a request without a session is so the same, and as fast, whatever the tenant has.
fn tenant_of_found_user(tenant: TenantId) -> String {
    format!("CASE WHEN current_setting('app.user_id', true) <> '' THEN {tenant} END")
}

fn literals(tenant: String, values: &[Value<'_>]) -> Option<String> {
    let mut text = tenant;
    for value in values {
        text.push_str(", ");
        text.push_str(&value.literal()?);
    }
    Some(text)
}

/// Runs the statements in one message, which is one transaction; none when the shard is not on this node.
pub(super) async fn read(
    client: &mut PooledConnection,
    tables: &TenantTables,
    tenant: TenantId,
    statements: &[&BoundStatement<'_>],
    arguments: &[String],
) -> Result<Option<Vec<Vec<DbRow>>>, DbError> {
    let (mut message, shard) = match tables {
        TenantTables::Whole => (set_tenant(tenant), 0),
        TenantTables::Sharded(placement) => {
            let mut message = String::new();
            Opening::ForReads.append(&mut message, client, tenant, placement).await?;
            (message, placement.shards.anchor())
        }
    };
    for (bound, arguments) in statements.iter().zip(arguments) {
        let text = || match tables {
            TenantTables::Whole => Some(bound.statement.sql().to_owned()),
            TenantTables::Sharded(placement) => {
                shard_tables::text(bound.statement.template(), &placement.shards)
            }
        };
        let Some(name) = client.named(bound.statement.template(), shard, text).await? else {
            return Ok(None);
        };
        let _ = write!(message, "; EXECUTE {name}({arguments})");
    }
    let mut results = results(client.simple_query(&message).await?);
    let answers = results.split_off(results.len().min(1));
    let is_held_here = match tables {
        TenantTables::Whole => true,
        TenantTables::Sharded(_) => results.first().is_some_and(|rows| rows.len() == 1),
    };
    Ok((is_held_here && answers.len() == statements.len()).then_some(answers))
}

/// The rows of each statement of a message.
fn results(parts: Vec<SimpleQueryMessage>) -> Vec<Vec<DbRow>> {
    let (mut results, mut rows) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            SimpleQueryMessage::Row(row) => rows.push(DbRow::Text(row)),
            SimpleQueryMessage::CommandComplete(_) => results.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::super::statement::Statement;
    use super::super::value::values;
    use super::*;

    static FIND: Statement = Statement::reading("SELECT 1").finding_user();
    static READ: Statement = Statement::reading("SELECT 2");
    static WRITE: Statement = Statement::writing("SELECT 3");

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test has no database")]
    fn a_statement_behind_a_lookup_gets_the_tenant_only_with_a_user() {
        let bound = |statement, values| BoundStatement { statement, values };
        let (find, read) = (bound(&FIND, values![9_i64]), bound(&READ, vec![Value::UserOfSession]));
        let tenant = TenantId::from_row(7);
        let only_with_a_user = "CASE WHEN current_setting('app.user_id', true) <> '' THEN 7 END";
        let user = "nullif(current_setting('app.user_id', true), '')::bigint";
        let expected = vec!["7, 9".to_owned(), format!("{only_with_a_user}, {user}")];
        assert_eq!(arguments(tenant, &[&find, &read]), Some(expected));
        assert_eq!(arguments(tenant, &[&bound(&READ, values![9_i64])]), Some(vec!["7, 9".to_owned()]));
        assert_eq!(arguments(tenant, &[&find, &bound(&WRITE, vec![])]), None);
    }
}
