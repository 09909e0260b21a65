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
    /// tenant_id, user_id, title or NULL, content, created_at, updated_at. A sequence gives the id.
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
                "COPY notes (tenant_id, user_id, title, content, created_at, updated_at) \
                 FROM STDIN (FORMAT binary)"
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

/// Updates the planner's statistics of the seeded tables.
///
/// # Errors
/// The database's error.
pub async fn analyze(client: &Client) -> Result<(), Error> {
    for table in ["shared.tenants", "shared.users", "logins", "notes"] {
        client.batch_execute(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}
