//! Removing what is over: the login directory's entries of people who left, and every row of a tenant whose
//! time has come. All of it runs as the role for maintenance, for one tenant at a time and in portions, each
//! a transaction of its own: it may stop anywhere and begins again where it stopped.

use tokio_postgres::types::ToSql;

use crate::db::{Database, DbError};
use crate::domain::{FORGET_LOGINS, ForgetLogins, Identifier, TenantId, UserId};

const OVERDUE: &str = "SELECT id FROM shared.tenants WHERE delete_after < now() ORDER BY id";
const FORGET_ONE: &str = "DELETE FROM logins WHERE identifier_hash = $1 AND tenant_id = $2 AND user_id = $3";
const FORGET_ALL: &str = "DELETE FROM logins WHERE identifier_hash = $1 AND tenant_id = $2";
const UNTOLD: &str =
    "SELECT payload FROM outbox WHERE tenant_id = $1 AND route = $2 AND acknowledged_at IS NULL";
const PEOPLE: &str =
    "SELECT id, username_key, email_key FROM shared.users WHERE tenant_id = $1 ORDER BY id LIMIT 50";
const DELETE_PEOPLE: &str = "DELETE FROM shared.users WHERE tenant_id = $1 AND id = ANY($2)";
const DELETE_TENANT: &str = "DELETE FROM shared.tenants WHERE id = $1 AND delete_after < now()";

/// In an order in which nothing is pointed to any more when its turn comes. Rows that are named by two
/// columns are joined, as Citus 14.0 writes `(a, b) IN (SELECT …)` of a DELETE to its shards as something
/// that PostgreSQL refuses.
const PORTIONS: [&str; 8] = [
    "DELETE FROM sessions WHERE tenant_id = $1 AND token_hash IN (SELECT token_hash FROM sessions \
     WHERE tenant_id = $1 LIMIT 500)",
    "DELETE FROM idempotency_keys k USING (SELECT user_id, key FROM idempotency_keys
        WHERE tenant_id = $1 LIMIT 500) part
     WHERE k.tenant_id = $1 AND k.user_id = part.user_id AND k.key = part.key",
    "DELETE FROM outbox WHERE tenant_id = $1 AND id IN (SELECT id FROM outbox \
     WHERE tenant_id = $1 LIMIT 500)",
    "DELETE FROM shared_notes i USING (SELECT recipient_id, note_id FROM shared_notes
        WHERE tenant_id = $1 LIMIT 500) part
     WHERE i.tenant_id = $1 AND i.recipient_id = part.recipient_id AND i.note_id = part.note_id",
    "DELETE FROM shares s USING (SELECT note_id, audience FROM shares WHERE tenant_id = $1 LIMIT 500) part
     WHERE s.tenant_id = $1 AND s.note_id = part.note_id AND s.audience = part.audience",
    "DELETE FROM note_revisions WHERE tenant_id = $1 AND note_id IN (SELECT note_id \
     FROM note_revisions WHERE tenant_id = $1 LIMIT 200)",
    "DELETE FROM notes WHERE tenant_id = $1 AND id IN (SELECT id FROM notes WHERE tenant_id = $1 LIMIT 500)",
    "DELETE FROM invitations WHERE tenant_id = $1 AND id IN (SELECT id FROM invitations \
     WHERE tenant_id = $1 LIMIT 500)",
];

/// Removes the entries of somebody who left from the login directory. Doing it twice changes nothing more; an
/// entry of another person who took the name since stays.
///
/// # Errors
/// [`DbError`] of the transaction.
pub(crate) async fn forget_logins(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    hashes: &[Vec<u8>],
) -> Result<(), DbError> {
    for hash in hashes {
        run(database, tenant, FORGET_ONE, &[hash, &tenant.number(), &user.number()]).await?;
    }
    Ok(())
}

/// Removes all tenants whose time has come and gives their number.
///
/// # Errors
/// [`DbError`]; what was removed by then is gone, the rest follows at the next call.
pub async fn purge_overdue_tenants(database: &Database) -> Result<usize, DbError> {
    let overdue = database
        .maintain(async |client| {
            let transaction = client.transaction().await?;
            // The other policy of this role compares with a tenant, and there is none yet.
            transaction.batch_execute("SET LOCAL app.tenant_id = '0'").await?;
            let rows = transaction.query(OVERDUE, &[]).await?;
            transaction.commit().await?;
            Ok(rows)
        })
        .await?;
    for row in &overdue {
        purge(database, TenantId::from_row(row.get(0))).await?;
    }
    Ok(overdue.len())
}

async fn purge(database: &Database, tenant: TenantId) -> Result<(), DbError> {
    let number = tenant.number();
    // Before the messages go: they alone still know the names of those who left.
    let untold = rows(database, tenant, UNTOLD, &[&number, &FORGET_LOGINS]).await?;
    for payload in &untold {
        let hashes = ForgetLogins::hashes(payload.get(0)).unwrap_or_default();
        forget_hashes(database, tenant, &hashes).await?;
    }
    for portion in PORTIONS {
        while run(database, tenant, portion, &[&number]).await? > 0 {}
    }
    loop {
        let people = rows(database, tenant, PEOPLE, &[&number]).await?;
        if people.is_empty() {
            break;
        }
        let identifiers = people.iter().flat_map(|row| Identifier::all_of_keys(row.get(1), row.get(2)));
        forget_hashes(database, tenant, &identifiers.map(|one| one.hash()).collect::<Vec<_>>()).await?;
        let ids: Vec<i64> = people.iter().map(|row| row.get(0)).collect();
        run(database, tenant, DELETE_PEOPLE, &[&number, &ids]).await?;
    }
    run(database, tenant, DELETE_TENANT, &[&number]).await?;
    log::info!("removed tenant {tenant}, whose time had come");
    Ok(())
}

async fn forget_hashes(database: &Database, tenant: TenantId, hashes: &[Vec<u8>]) -> Result<(), DbError> {
    for hash in hashes {
        run(database, tenant, FORGET_ALL, &[hash, &tenant.number()]).await?;
    }
    Ok(())
}

/// Runs one statement for a tenant and gives how many rows it changed.
async fn run(
    database: &Database,
    tenant: TenantId,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u64, DbError> {
    database
        .maintain(async |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await?;
            let changed = transaction.execute(sql, values).await?;
            transaction.commit().await?;
            Ok(changed)
        })
        .await
}

async fn rows(
    database: &Database,
    tenant: TenantId,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, DbError> {
    database
        .maintain(async |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await?;
            let rows = transaction.query(sql, values).await?;
            transaction.commit().await?;
            Ok(rows)
        })
        .await
}
