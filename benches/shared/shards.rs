//! Where the rows of tenants lie: the tables of each shard, the node that has them, and their tenants. On
//! plain PostgreSQL there is one such place, with the tables themselves.

use std::collections::BTreeMap;

use tokio_postgres::{Client, NoTls};

use crate::outcome::Outcome;

/// The options of the product's connections to a node (src/db/pool.rs), whose statements on a shard's own
/// tables have plans that are kept.
pub const CONNECTION_OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1";

/// The tables of the shards, the anchor's number first. All distributed tables of a tenant are colocated.
const TABLES: &str = "
    SELECT a.shardid, n.nodename::text, n.nodeport, s.nspname::text, c.relname::text, t.shardid
    FROM pg_dist_shard a
    JOIN pg_dist_placement p ON p.shardid = a.shardid AND p.shardstate = 1
    JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
    JOIN pg_dist_partition ap ON ap.logicalrelid = a.logicalrelid
    JOIN pg_dist_partition tp ON tp.colocationid = ap.colocationid
    JOIN pg_dist_shard t ON t.logicalrelid = tp.logicalrelid AND t.shardminvalue = a.shardminvalue
    JOIN pg_class c ON c.oid = tp.logicalrelid
    JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE a.logicalrelid = 'public.notes'::regclass";
const TENANTS_TABLE: &str =
    "SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'shared.tenants'::regclass";
const TENANTS: &str =
    "SELECT id, get_shard_id_for_distribution_column('public.notes', id) FROM shared.tenants
    WHERE id >= $1 ORDER BY id";

/// One shard of the tenants' tables.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// host:port.
    pub node: String,
    /// The shard's own name of each table.
    names: BTreeMap<String, String>,
    pub tenants: Vec<i64>,
}

impl Shard {
    /// The text with the shard's own name in place of each table in braces, such as {notes} or
    /// {shared.users}.
    pub fn on(&self, template: &str) -> String {
        let mut text = template.to_owned();
        for (table, name) in &self.names {
            text = text.replace(&format!("{{{table}}}"), name);
        }
        // On plain PostgreSQL a table is itself.
        text.replace(['{', '}'], "")
    }
}

/// The shards with the tenants from number `first` on. `server` is the coordinator's host:port.
///
/// # Errors
/// Those of the catalog's statements.
pub async fn shards(client: &Client, server: &str, first: i64, citus: bool) -> Outcome<Vec<Shard>> {
    if !citus {
        let rows =
            client.query("SELECT id FROM shared.tenants WHERE id >= $1 ORDER BY id", &[&first]).await?;
        let tenants = rows.iter().map(|row| row.get(0)).collect();
        return Ok(vec![Shard { node: server.to_owned(), names: BTreeMap::new(), tenants }]);
    }
    let mut shards: BTreeMap<i64, Shard> = BTreeMap::new();
    let tenants: i64 = client.query_one(TENANTS_TABLE, &[]).await?.get(0);
    for row in client.query(TABLES, &[]).await? {
        let (anchor, host, port): (i64, String, i32) = (row.get(0), row.get(1), row.get(2));
        let (schema, table, number): (String, String, i64) = (row.get(3), row.get(4), row.get(5));
        let shard = shards.entry(anchor).or_default();
        shard.node = format!("{host}:{port}");
        let prefix = if schema == "public" { String::new() } else { format!("{schema}.") };
        shard.names.insert(format!("{prefix}{table}"), format!("{schema}.{table}_{number}"));
        shard.names.insert("shared.tenants".to_owned(), format!("shared.tenants_{tenants}"));
    }
    for row in client.query(TENANTS, &[&first]).await? {
        let (tenant, anchor): (i64, i64) = (row.get(0), row.get(1));
        shards.get_mut(&anchor).ok_or("a tenant without a shard")?.tenants.push(tenant);
    }
    Ok(shards.into_values().filter(|shard| !shard.tenants.is_empty()).collect())
}

/// The URL of the measured database on a node, as superuser.
pub fn url_on(node: &str) -> String {
    format!("postgresql://postgres@{node}/pigeonhole")
}

/// A connection to a node.
///
/// # Errors
/// The database's error.
#[allow(clippy::disallowed_methods, reason = "the bench uses the database without the application")]
pub async fn connect(node: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(&url_on(node), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
