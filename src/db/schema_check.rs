//! The check before serving: every table with tenants' rows must have row-level security in force for the
//! application's role. A policy that was dropped, widened or never written stops the start; otherwise it
//! would leak rows later.

use super::checkout::{CALL_DEADLINE, with_connection};
use super::connection::Pool;
use super::error::DbError;

/// Why this program refuses to serve on a database.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeSchema {
    /// The first fault, in a sentence.
    #[error("refusing to serve: {0}")]
    Found(String),
    #[error("refusing to serve: the schema could not be checked")]
    Unchecked(#[from] DbError),
}

/// The faults of tables with tenants' rows, as the current role sees them. A policy for this role must be the
/// plain comparison with the setting, and nothing else.
const UNGUARDED_TABLES: &str = "
    WITH guarded AS (
        SELECT c.oid, c.oid::regclass::text AS name, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
               has_any_column_privilege(current_user, c.oid, 'SELECT, INSERT, UPDATE') AS reachable,
               CASE WHEN c.oid = 'shared.tenants'::regclass THEN 'id' ELSE 'tenant_id' END AS tenant_column
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared')
          AND (c.oid = 'shared.tenants'::regclass
               OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
               AND a.attname = 'tenant_id' AND NOT a.attisdropped))
    ), mine AS (
        SELECT p.polrelid, pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck,
        p.polrelid) AS with_check
        FROM pg_policy p
        WHERE p.polpermissive AND (0::oid = ANY (p.polroles) OR (SELECT oid FROM pg_roles
        WHERE rolname = current_user) = ANY (p.polroles))
    )
    SELECT name || CASE
        WHEN NOT relrowsecurity THEN ' has no row-level security'
        WHEN relforcerowsecurity THEN ' FORCEs row-level security, which stops every online shard move'
        WHEN NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = guarded.oid) THEN ' has no policy'
        WHEN reachable AND NOT EXISTS (SELECT FROM mine
        WHERE mine.polrelid = guarded.oid) THEN ' has no policy for the application''s role'
        WHEN pg_has_role(current_user, relowner, 'USAGE') THEN ' is owned by the application''s role'
        ELSE
        ' has a policy for the application''s role that is not the plain comparison with app.tenant_id' END
    FROM guarded
    WHERE NOT relrowsecurity OR relforcerowsecurity
       OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = guarded.oid)
       OR reachable AND NOT EXISTS (SELECT FROM mine WHERE mine.polrelid = guarded.oid)
       OR pg_has_role(current_user, relowner, 'USAGE')
       OR EXISTS (SELECT FROM mine WHERE mine.polrelid = guarded.oid AND (
              qual IS DISTINCT FROM '(' || tenant_column ||
              ' = (current_setting(''app.tenant_id''::text))::bigint)'
              OR coalesce(with_check, qual) IS DISTINCT FROM qual))
    ORDER BY 1 LIMIT 1";

const OVERPOWERED_ROLE: &str = "
    SELECT rolname || CASE WHEN rolsuper THEN ' is a superuser' ELSE ' bypasses row-level security' END
    FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)";

/// Checks the schema as the role of the pool.
pub(super) async fn check(pool: &Pool) -> Result<(), UnsafeSchema> {
    let deadline = tokio::time::Instant::now() + CALL_DEADLINE;
    let found = with_connection(deadline, pool, async |client| {
        for query in [OVERPOWERED_ROLE, UNGUARDED_TABLES] {
            if let Some(row) = client.query_opt(query, &[]).await? {
                return Ok(Some(row.get(0)));
            }
        }
        Ok(None)
    })
    .await?;
    found.map_or(Ok(()), |finding| Err(UnsafeSchema::Found(finding)))
}
