//! Limits of single tenants and their usage, as an operator works on them: as the owner of the tables, whom
//! row-level security does not bind, on an administrator's connection, and never for a request.

use tokio_postgres::{Client, Error, Transaction};

use super::limits::override_columns;
use super::usage::TenantUsage;
use crate::db::DbRow;
use crate::domain::LimitOverrides;

const NAME: &str = "SELECT name FROM shared.tenants WHERE id = $1";
const ALL: &str = "SELECT id FROM shared.tenants ORDER BY id";
const USAGE: &str = "SELECT coalesce(sum(members), 0)::bigint, coalesce(sum(note_count), 0)::bigint, \
    coalesce(sum(bytes), 0)::bigint FROM tenant_usage WHERE tenant_id = $1 AND user_id <= 0";
const OVERRIDES: &str =
    concat!("SELECT ", override_columns!(), " FROM tenant_limits l WHERE l.tenant_id = $1");
const SET: &str = "INSERT INTO tenant_limits (tenant_id, members, notes_in_all, notes_per_person, bytes,
        tokens_per_person, sessions_per_person, imports, requests, requests_per_person)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant_id) DO UPDATE SET members = excluded.members, notes_in_all = excluded.notes_in_all,
        notes_per_person = excluded.notes_per_person, bytes = excluded.bytes,
        tokens_per_person = excluded.tokens_per_person, sessions_per_person = excluded.sessions_per_person,
        imports = excluded.imports, requests = excluded.requests,
        requests_per_person = excluded.requests_per_person";

/// Counts a tenant anew. Its writes wait at the locked rows until the end, so each is counted once: a write
/// that had counted itself is committed before the lock is there, and another adds to the new numbers.
const RECOUNT: [&str; 8] = [
    "INSERT INTO tenant_usage (tenant_id, user_id) SELECT u.tenant_id, u.id FROM shared.users u
     WHERE u.tenant_id = $1 ON CONFLICT DO NOTHING",
    "INSERT INTO tenant_usage (tenant_id, user_id) VALUES ($1, 0), ($1, -1), ($1, -2), ($1, -3), ($1, -4),
        ($1, -5), ($1, -6), ($1, -7), ($1, -8) ON CONFLICT DO NOTHING",
    "SELECT user_id FROM tenant_usage WHERE tenant_id = $1 ORDER BY user_id FOR UPDATE",
    "UPDATE tenant_usage SET note_count = 0, bytes = 0, members = 0 WHERE tenant_id = $1",
    "UPDATE tenant_usage s SET note_count = n.in_use, bytes = n.bytes
     FROM (SELECT n.tenant_id, n.user_id, count(*) FILTER (WHERE n.deleted_at IS NULL) AS in_use,
             sum(256 + coalesce(octet_length(n.title), 0) + octet_length(n.content)) AS bytes
           FROM notes n WHERE n.tenant_id = $1 GROUP BY n.tenant_id, n.user_id) n
     WHERE s.tenant_id = $1 AND n.tenant_id = $1 AND s.user_id = n.user_id",
    "UPDATE tenant_usage s SET bytes = s.bytes + r.bytes
     FROM (SELECT n.tenant_id, n.user_id,
             sum(256 + coalesce(octet_length(r.title), 0) + octet_length(r.content)) AS bytes
           FROM note_revisions r JOIN notes n ON n.tenant_id = r.tenant_id AND n.id = r.note_id
           WHERE r.tenant_id = $1 AND n.tenant_id = $1 GROUP BY n.tenant_id, n.user_id) r
     WHERE s.tenant_id = $1 AND r.tenant_id = $1 AND s.user_id = r.user_id",
    "UPDATE tenant_usage s SET
        note_count = (SELECT coalesce(sum(p.note_count), 0) FROM tenant_usage p
            WHERE p.tenant_id = $1 AND p.user_id > 0 AND -1 - p.user_id % 8 = s.user_id),
        bytes = (SELECT coalesce(sum(p.bytes), 0) FROM tenant_usage p
            WHERE p.tenant_id = $1 AND p.user_id > 0 AND -1 - p.user_id % 8 = s.user_id)
     WHERE s.tenant_id = $1 AND s.user_id < 0",
    "UPDATE tenant_usage s SET members = (SELECT count(*) FROM shared.users u
            WHERE u.tenant_id = $1 AND u.removed_at IS NULL)
     WHERE s.tenant_id = $1 AND s.user_id = 0",
];

/// A tenant's use, and what an operator set for it.
pub struct TenantReport {
    pub name: String,
    pub usage: TenantUsage,
    pub overrides: LimitOverrides,
}

/// The use and the overrides of a tenant; none if there is no such tenant.
///
/// # Errors
/// The database's error.
pub async fn tenant_report(client: &Client, tenant: i64) -> Result<Option<TenantReport>, Error> {
    let Some(name) = client.query_opt(NAME, &[&tenant]).await? else { return Ok(None) };
    let usage = client.query_one(USAGE, &[&tenant]).await?;
    let overrides = client.query_opt(OVERRIDES, &[&tenant]).await?;
    Ok(Some(TenantReport {
        name: name.get(0),
        usage: DbRow::from(usage).read(),
        overrides: overrides.map(|row| DbRow::from(row).read()).unwrap_or_default(),
    }))
}

/// Sets the overrides of a tenant, all of them.
///
/// # Errors
/// The database's error.
pub async fn set_overrides(client: &Client, tenant: i64, overrides: &LimitOverrides) -> Result<(), Error> {
    let amounts = overrides.amounts();
    let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        std::iter::once(&tenant as _).chain(amounts.iter().map(|amount| amount as _)).collect();
    client.execute(SET, &values).await.map(drop)
}

/// Counts a tenant's notes, bytes and members anew.
///
/// # Errors
/// The database's error; nothing changed then.
pub async fn recount(client: &mut Client, tenant: i64) -> Result<(), Error> {
    let transaction: Transaction<'_> = client.transaction().await?;
    for statement in RECOUNT {
        transaction.query(statement, &[&tenant]).await?;
    }
    transaction.commit().await
}

/// The numbers of all tenants.
///
/// # Errors
/// The database's error.
pub async fn tenant_numbers(client: &Client) -> Result<Vec<i64>, Error> {
    Ok(client.query(ALL, &[]).await?.iter().map(|row| row.get(0)).collect())
}
