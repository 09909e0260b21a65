//! Removing deleted tenants with all their rows, and the login directory's entries of users who left. It runs
//! as the maintenance role, one tenant at a time, in batches that are a transaction each. So it may stop at
//! any point, and the next run continues there.

use tokio_postgres::types::ToSql;

use crate::db::{Database, DbError, DbRow, FromRow};
use crate::domain::{FORGET_LOGINS, ForgetLogins, Identifier, TenantId, UserId};

const OVERDUE: &str = "SELECT id FROM shared.tenants WHERE delete_after < now() ORDER BY id";
const DELETE_LOGIN_OF_USER: &str =
    "DELETE FROM logins WHERE identifier_hash = $1 AND tenant_id = $2 AND user_id = $3";
const DELETE_LOGIN: &str = "DELETE FROM logins WHERE identifier_hash = $1 AND tenant_id = $2";
const PENDING_PAYLOADS: &str =
    "SELECT payload FROM outbox WHERE tenant_id = $1 AND route = $2 AND acknowledged_at IS NULL";
const USERS: &str =
    "SELECT id, username_key, email_key FROM shared.users WHERE tenant_id = $1 ORDER BY id LIMIT 50";
const DELETE_USERS: &str = "DELETE FROM shared.users WHERE tenant_id = $1 AND id = ANY($2)";
const DELETE_TENANT: &str = "DELETE FROM shared.tenants WHERE id = $1 AND delete_after < now()";

/// Deletes one batch of each table, in an order in which no row is referenced any more when its turn comes.
/// Tables with a key of two columns are joined, because Citus 14.0 rewrites a DELETE with
/// `(a, b) IN (SELECT …)` into SQL that PostgreSQL rejects.
const BATCHES: [&str; 10] = [
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
    "DELETE FROM tenant_usage WHERE tenant_id = $1",
    "DELETE FROM tenant_limits WHERE tenant_id = $1",
];

/// Removes the entries of a user who left from the login directory. A repetition changes nothing, and the
/// entry of another user who has taken the name since stays.
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
        execute(database, tenant, DELETE_LOGIN_OF_USER, &[hash, &tenant.number(), &user.number()]).await?;
    }
    Ok(())
}

/// Removes all tenants whose deletion is due and gives their number.
///
/// # Errors
/// [`DbError`]; the next call removes the rest.
pub async fn purge_overdue_tenants(database: &Database) -> Result<usize, DbError> {
    let overdue: Vec<TenantId> = rows(database, None, OVERDUE, &[]).await?;
    for tenant in &overdue {
        purge(database, *tenant).await?;
    }
    Ok(overdue.len())
}

async fn purge(database: &Database, tenant: TenantId) -> Result<(), DbError> {
    let number = tenant.number();
    // This comes before the outbox is deleted: only these messages still contain the names of users who left.
    let payloads: Vec<String> =
        rows(database, Some(tenant), PENDING_PAYLOADS, &[&number, &FORGET_LOGINS]).await?;
    for payload in &payloads {
        delete_logins(database, tenant, &ForgetLogins::hashes(payload).unwrap_or_default()).await?;
    }
    for batch in BATCHES {
        while execute(database, tenant, batch, &[&number]).await? > 0 {}
    }
    loop {
        let users: Vec<(i64, String, Option<String>)> =
            rows(database, Some(tenant), USERS, &[&number]).await?;
        if users.is_empty() {
            break;
        }
        let identifiers = users.iter().flat_map(|(_, username_key, email_key)| {
            Identifier::all_of_keys(username_key, email_key.as_deref())
        });
        let hashes: Vec<Vec<u8>> = identifiers.map(|identifier| identifier.hash()).collect();
        delete_logins(database, tenant, &hashes).await?;
        let ids: Vec<i64> = users.iter().map(|(id, ..)| *id).collect();
        execute(database, tenant, DELETE_USERS, &[&number, &ids]).await?;
    }
    execute(database, tenant, DELETE_TENANT, &[&number]).await?;
    log::info!("removed tenant {tenant}, whose deletion was due");
    Ok(())
}

async fn delete_logins(database: &Database, tenant: TenantId, hashes: &[Vec<u8>]) -> Result<(), DbError> {
    for hash in hashes {
        execute(database, tenant, DELETE_LOGIN, &[hash, &tenant.number()]).await?;
    }
    Ok(())
}

/// Runs one statement for a tenant and gives the number of rows that it changed.
async fn execute(
    database: &Database,
    tenant: TenantId,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u64, DbError> {
    database
        .maintain_tenant(Some(tenant), async |transaction| Ok(transaction.execute(sql, values).await?))
        .await
}

async fn rows<T: FromRow>(
    database: &Database,
    tenant: Option<TenantId>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<T>, DbError> {
    let rows = database
        .maintain_tenant(tenant, async |transaction| Ok(transaction.query(sql, values).await?))
        .await?;
    Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
}
