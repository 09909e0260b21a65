//! Seeding: COPY of invented rows of all tenants, and the ids for them. It runs as the owner of the tables,
//! on an administrator's connection, and never for a request.

use bytes::Bytes;
use tokio_postgres::{Client, CopyInSink, Error};

/// A table that seeding fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedTable {
    /// id, name, name_key.
    Tenants,
    /// tenant_id, id, username, username_key, email, email_key, password, role.
    Users,
    /// identifier_hash, tenant_id, user_id.
    Logins,
    /// tenant_id, user_id, title or NULL, content, created_at, updated_at, search_text, search_keys. A
    /// sequence gives the id.
    Notes,
}

impl SeedTable {
    const fn copy(self) -> &'static str {
        match self {
            Self::Tenants => "COPY shared.tenants (id, name, name_key) FROM STDIN (FORMAT binary)",
            Self::Users => {
                "COPY shared.users (tenant_id, id, username, username_key, email, email_key, password, \
                 role) FROM STDIN (FORMAT binary)"
            }
            Self::Logins => "COPY logins (identifier_hash, tenant_id, user_id) FROM STDIN (FORMAT binary)",
            Self::Notes => {
                "COPY notes (tenant_id, user_id, title, content, created_at, updated_at, search_text, \
                 search_keys) FROM STDIN (FORMAT binary)"
            }
        }
    }
}

/// Starts a COPY in the binary format. Its rows are there once the sink is finished; otherwise none is.
///
/// # Errors
/// The database's error.
pub async fn copy_in(client: &Client, table: SeedTable) -> Result<CopyInSink<Bytes>, Error> {
    client.copy_in(table.copy()).await
}

/// New ids from the sequence of [`SeedTable::Tenants`] or [`SeedTable::Users`]. They come from the sequence
/// one by one, because users may sign up meanwhile.
///
/// # Errors
/// The database's error.
pub async fn next_ids(client: &Client, table: SeedTable, count: i64) -> Result<Vec<i64>, Error> {
    let statement = match table {
        SeedTable::Tenants => "SELECT nextval('shared.tenants_id_seq') FROM generate_series(1::bigint, $1)",
        _ => "SELECT nextval('shared.users_id_seq') FROM generate_series(1::bigint, $1)",
    };
    Ok(client.query(statement, &[&count]).await?.iter().map(|row| row.get(0)).collect())
}

/// Counts what the seeded tenants use, shard by shard; tenants that are counted already stay as they are. The
/// row of the members is the last, as it tells that a tenant is counted.
const COUNT: [&str; 3] = [
    "INSERT INTO tenant_usage (tenant_id, user_id, note_count, bytes)
     SELECT u.tenant_id, u.id, coalesce(n.in_use, 0), coalesce(n.bytes, 0) FROM shared.users u
     LEFT JOIN (SELECT n.tenant_id, n.user_id, count(*) AS in_use,
             sum(256 + coalesce(octet_length(n.title), 0) + octet_length(n.content)) AS bytes
           FROM notes n GROUP BY n.tenant_id, n.user_id) n ON n.tenant_id = u.tenant_id AND n.user_id = u.id
     WHERE NOT EXISTS (SELECT FROM tenant_usage t WHERE t.tenant_id = u.tenant_id AND t.user_id = 0)
     ON CONFLICT DO NOTHING",
    "INSERT INTO tenant_usage (tenant_id, user_id, note_count, bytes)
     SELECT u.tenant_id, slot, coalesce(sum(u.note_count) FILTER (WHERE -1 - u.user_id % 8 = slot), 0),
            coalesce(sum(u.bytes) FILTER (WHERE -1 - u.user_id % 8 = slot), 0)
     FROM tenant_usage u, generate_series(-8, -1) AS slot
     WHERE u.user_id > 0
       AND NOT EXISTS (SELECT FROM tenant_usage t WHERE t.tenant_id = u.tenant_id AND t.user_id = 0)
     GROUP BY u.tenant_id, slot ON CONFLICT DO NOTHING",
    "INSERT INTO tenant_usage (tenant_id, user_id, members)
     SELECT u.tenant_id, 0, count(*) FROM shared.users u
     WHERE NOT EXISTS (SELECT FROM tenant_usage t WHERE t.tenant_id = u.tenant_id AND t.user_id = 0)
     GROUP BY u.tenant_id ON CONFLICT DO NOTHING",
];

/// Counts what the seeded tenants use.
///
/// # Errors
/// The database's error.
pub async fn count_seeded(client: &Client) -> Result<(), Error> {
    for statement in COUNT {
        client.execute(statement, &[]).await?;
    }
    Ok(())
}

/// Updates the planner's statistics of the seeded tables.
///
/// # Errors
/// The database's error.
pub async fn analyze(client: &Client) -> Result<(), Error> {
    for table in ["shared.tenants", "shared.users", "logins", "notes", "tenant_usage"] {
        client.batch_execute(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}
