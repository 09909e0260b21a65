//! Writing a tenant's rows on the node that holds them, to the shard's own tables (docs/decisions/0037).
//! PostgreSQL plans their statements once; through Citus each is planned anew at each execution.
//!
//! Citus keeps writes and the move of a shard apart by a lock on the shard's metadata. A move or a split
//! takes it exclusively on every node before it copies the last rows. A write of Citus shares it until the
//! end of its transaction, and looks for the placement only then (`AcquireMetadataLocks` in
//! citus_custom_scan.c, `BlockWritesToShardList` in shard_transfer.c of Citus 13.2.2 and 14.0.1). A
//! transaction here begins in the same way. When the shard is no longer on this node, it fails before it has
//! changed anything.

use tokio_postgres::error::SqlState;

use super::connection::PooledConnection;
use super::error::DbError;
use super::row::DbRow;
use super::shard_tables;
use super::statement::BoundStatement;
use super::tenant_setting::Opening;
use super::topology::ShardPlacement;
use super::transaction;
use crate::domain::TenantId;

/// The error of [`Opening::ForWrites`] for a shard that is not placed on the node.
const MOVED: SqlState = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;

/// Whether the statements change and lock rows of the shard only: Citus alone changes a table that every node
/// has on all nodes.
pub(super) fn are_of_shard(placement: &ShardPlacement, statements: &[&BoundStatement<'_>]) -> bool {
    let mut changed = statements.iter().flat_map(|bound| bound.statement.changed_tables());
    changed.all(|table| !placement.shards.everywhere.contains(table))
}

/// Runs the statements in one transaction; none when the shard is not on this node.
pub(super) async fn write(
    client: &mut PooledConnection,
    placement: &ShardPlacement,
    tenant: TenantId,
    statements: &[&BoundStatement<'_>],
    settings: &str,
) -> Result<Option<Vec<Vec<DbRow>>>, DbError> {
    let shard = placement.shards.anchor();
    let mut prepared = Vec::with_capacity(statements.len());
    for bound in statements {
        let template = bound.statement.template();
        let text = || shard_tables::text(template, &placement.shards);
        let Some(statement) = client.prepared(template, shard, text).await? else { return Ok(None) };
        prepared.push(statement);
    }
    // A snapshot from before the lock would show a placement that has ended.
    let mut opening = "BEGIN ISOLATION LEVEL READ COMMITTED; ".to_owned();
    Opening::ForWrites.append(&mut opening, client, tenant, placement).await?;
    opening.push_str(settings);
    match transaction::run(client, &opening, tenant, &prepared, statements).await {
        Err(error) if error.code() == Some(&MOVED) => Ok(None),
        result => Ok(Some(result?)),
    }
}
