//! Direct access to the database, and separate databases for single tests.

use tokio_postgres::{Client, NoTls};
use url::Url;

use super::database_servers::{create_on, drop_everywhere};
use super::{environment, names, retry_until_ok};

/// The roles that the application's connections run as.
pub const APPLICATION_ROLES: [&str; 7] = [
    "pigeonhole_app",
    "pigeonhole_login",
    "pigeonhole_signup",
    "pigeonhole_maintenance",
    "pigeonhole_relay",
    "pigeonhole_console",
    "pigeonhole_backlog",
];

/// A connection as the superuser.
pub async fn admin() -> Client {
    connect(&environment::database_url()).await
}

pub async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap_or_else(|error| panic!("{url}: {error:?}"))
}

pub async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs statements that change roles, and repeats them on any error until the timeout. Roles belong to whole
/// servers, so tests with other databases change the same ones concurrently. Citus does not always report why
/// a worker refused.
pub async fn change_roles(client: &Client, statements: &str) {
    retry_until_ok(async || {
        let Err(error) = client.batch_execute(statements).await else { return Ok(()) };
        client.batch_execute("ROLLBACK").await.expect("the end of the failed attempt");
        Err(format!("{statements}: {error:?}"))
    })
    .await;
}

pub async fn can_connect(url: &str) -> bool {
    try_connect(url).await.is_ok()
}

/// The URL of another database on the same server.
pub fn url_of_database(server: &str, database: &str) -> String {
    let mut url = Url::parse(server).expect("TEST_DATABASE_URL is a URL");
    url.set_path(database);
    url.into()
}

/// Moves the sequences apart, so that an id of one table is never an id of another and swapped ids fail.
pub async fn set_sequences_far_apart() {
    let client = admin().await;
    let sequences = [
        ("shared.tenants_id_seq", 10_000_000_i64),
        ("shared.users_id_seq", 200_000_000),
        ("notes_id_seq", 3_000_000_000),
        ("sessions_id_seq", 40_000_000_000),
        ("invitations_id_seq", 500_000_000_000),
        ("outbox_id_seq", 6_000_000_000_000),
    ];
    for (sequence, start) in sequences {
        let statement =
            format!("SELECT setval('{sequence}', greatest({start}, (SELECT last_value FROM {sequence})))");
        client.execute(&statement, &[]).await.expect(sequence);
    }
}

pub async fn open_tenant(tenant_id: i64) {
    let statement = "UPDATE shared.tenants SET join_policy = 'open' WHERE id = $1";
    let changed = admin().await.execute(statement, &[&tenant_id]).await;
    assert_eq!(changed.expect("the tenant can_connect"), 1);
}

pub async fn number(statement: &str, values: &[&(dyn tokio_postgres::types::ToSql + Sync)]) -> i64 {
    let row = admin().await.query_one(statement, values).await;
    row.unwrap_or_else(|error| panic!("{statement}: {error:?}")).get(0)
}

pub async fn user_count(tenant_id: i64) -> i64 {
    number("SELECT count(*) FROM shared.users WHERE tenant_id = $1", &[&tenant_id]).await
}

/// Notes in the bin included.
pub async fn note_count(tenant_id: i64) -> i64 {
    number("SELECT count(*) FROM notes WHERE tenant_id = $1", &[&tenant_id]).await
}

/// A checksum of all rows of a tenant, without the columns that reading changes: when a session was last
/// seen, and when a shared note was first opened.
pub async fn tenant_checksum(tenant_id: i64) -> String {
    let client = admin().await;
    let mut parts = Vec::new();
    for (table, columns) in [
        ("shared.tenants", "t.id, t.name, t.join_policy, t.delete_after"),
        ("shared.users", "t"),
        ("notes", "t"),
        ("note_revisions", "t"),
        ("sessions", "t.id, t.token_hash, t.user_id, t.kind"),
        ("invitations", "t"),
        ("shares", "t"),
        ("shared_notes", "t.recipient_id, t.note_id, t.shared_by, t.access, t.created_at"),
        ("outbox", "t.id, t.route, t.user_id, t.note_id"),
    ] {
        let owner = if table == "shared.tenants" { "id" } else { "tenant_id" };
        let statement = format!(
            "SELECT coalesce(md5(string_agg(md5(ROW({columns})::text), ',' \
             ORDER BY md5(ROW({columns})::text))), '') FROM {table} t WHERE {owner} = $1"
        );
        let row = client.query_one(&statement, &[&tenant_id]).await;
        parts.push(row.expect("a checksum").get::<_, String>(0));
    }
    parts.join("/")
}

pub async fn tenant_named(name: &str) -> Option<i64> {
    let statement = "SELECT id FROM shared.tenants WHERE lower(name) = lower($1)";
    let row = admin().await.query_opt(statement, &[&name]).await;
    row.expect("a tenant").map(|row| row.get(0))
}

/// An empty database for one test, dropped at the end.
pub struct OwnDatabase {
    pub name: String,
    pub url: String,
    servers: Vec<String>,
}

impl OwnDatabase {
    /// On Citus the database is created on every node.
    pub async fn create() -> Self {
        let name = names::unique("pigeonhole_");
        let coordinator = environment::database_url();
        let servers = server_urls();
        for server in &servers {
            create_on(server, &name).await;
        }
        let own = Self { url: url_of_database(&coordinator, &name), name, servers };
        if environment::on_citus() {
            own.join_nodes().await;
        }
        own
    }

    async fn join_nodes(&self) {
        for server in &self.servers {
            let client = connect(&url_of_database(server, &self.name)).await;
            client.batch_execute("CREATE EXTENSION citus").await.expect("the extension");
        }
        let coordinator = connect(&self.url).await;
        for (index, node) in environment::citus_nodes().iter().enumerate() {
            let (host, port) = node.rsplit_once(':').expect("host:port");
            let call = if index == 0 {
                format!("SELECT citus_set_coordinator_host('{host}', {port})")
            } else {
                format!("SELECT citus_add_node('{host}', {port})")
            };
            // Adding a node copies the roles, which belong to the whole server.
            change_roles(&coordinator, &call).await;
        }
    }

    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// A connection to every node, the coordinator first.
    pub async fn clients(&self) -> Vec<Client> {
        futures_util::future::join_all(self.nodes().iter().map(|node| connect(node))).await
    }

    /// The superuser's URL of this database on every node, the coordinator first.
    pub fn nodes(&self) -> Vec<String> {
        self.servers.iter().map(|server| url_of_database(server, &self.name)).collect()
    }
}

/// The connections to a database that wait for a lock, on these nodes.
pub async fn blocked(nodes: &[Client]) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    let mut blocked = 0;
    for node in nodes {
        blocked += node.query_one(count, &[]).await.expect("a count").get::<_, i64>(0);
    }
    blocked
}

/// The superuser's URL of every node, the coordinator first.
pub fn server_urls() -> Vec<String> {
    let coordinator = environment::database_url();
    let nodes = environment::citus_nodes();
    if nodes.is_empty() {
        return vec![coordinator];
    }
    nodes
        .iter()
        .map(|node| {
            let (host, port) = node.rsplit_once(':').expect("host:port");
            let mut url = Url::parse(&coordinator).expect("a URL");
            url.set_host(Some(host)).expect("a host");
            url.set_port(Some(port.parse().expect("a port"))).expect("a port");
            url.into()
        })
        .collect()
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        drop_everywhere(self.servers.clone(), self.name.clone());
    }
}

/// Waits until the session cache of every server has expired. An entry lives one second.
pub async fn wait_for_session_cache_expiry() {
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
}

/// Creates a trigger. `%s` in the statement is replaced by the table. On Citus it is created on each shard,
/// since a distributed table cannot have one.
pub async fn create_trigger(admin: &Client, table: &str, statement: &str) {
    if !environment::on_citus() {
        admin.batch_execute(&statement.replace("%s", table)).await.expect("a trigger");
        return;
    }
    let on_shards =
        "SELECT bool_and(success), max(result) FROM run_command_on_shards($1::text::regclass, $2)";
    let created = admin.query_one(on_shards, &[&table, &statement]).await.expect("triggers");
    assert!(created.get::<_, bool>(0), "{:?}", created.get::<_, Option<String>>(1));
}
