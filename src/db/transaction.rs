//! A transaction whose parts travel together: no part waits for the answer to the one before it.

use futures_util::future::{join_all, join3};
use tokio_postgres::{Error, Statement};

use super::connection::PooledConnection;
use super::row::DbRow;
use super::statement::BoundStatement;
use super::value::Value;
use crate::domain::TenantId;

/// Sends the opening, the prepared statements with their values behind the tenant, and COMMIT. After a part
/// that fails the server refuses the others, and its error is the result.
pub(super) async fn run(
    client: &PooledConnection,
    opening: &str,
    tenant: TenantId,
    prepared: &[Statement],
    statements: &[&BoundStatement<'_>],
) -> Result<Vec<Vec<DbRow>>, Error> {
    let tenant = Value::from(tenant.number());
    let values: Vec<Vec<_>> = statements
        .iter()
        .map(|bound| std::iter::once(&tenant).chain(&bound.values).map(Value::bound).collect())
        .collect();
    let queries = prepared.iter().zip(&values).map(|(statement, values)| client.query(statement, values));
    // The first poll of each future puts its messages on the wire, in this order, before any answer is
    // awaited.
    let (opened, results, committed) =
        join3(client.batch_execute(opening), join_all(queries), client.batch_execute("COMMIT")).await;
    opened?;
    let results = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    committed?;
    Ok(results.into_iter().map(|rows| rows.into_iter().map(DbRow::Binary).collect()).collect())
}
