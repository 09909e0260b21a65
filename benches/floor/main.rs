//! The floor of bin/bench: the least that a web process can do for `GET /api/notes`. A handler of actix-web
//! finds a session and its user and lists that user's notes, with the product's two statements in one round
//! trip, on the shard's own tables. It has no policies, no cache, no limits and no templates, and works as
//! superuser. bin/bench starts it with the coordinator's host:port, the first tenant's number, and `citus` or
//! `plain`; it prints its address.

#[path = "../shared/shards.rs"]
mod shards;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::future::try_join;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::{NoTls, Row};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// As POOL_SIZE of the product.
const POOL_SIZE: usize = 16;
/// As the product's connections to a worker.
const OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1";
/// The statement of src/store/sessions.rs.
const SESSION: &str = "SELECT s.id, s.user_id, s.kind, s.last_seen_at < now() - interval '1 minute', \
    u.username, u.role, t.name, t.delete_after, l.requests, l.requests_per_person
    FROM {sessions} s
    JOIN {shared.users} u ON u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.removed_at IS NULL
    JOIN {shared.tenants} t ON t.id = s.tenant_id AND (t.delete_after IS NULL OR t.delete_after > now())
    LEFT JOIN {tenant_limits} l ON l.tenant_id = s.tenant_id
    WHERE s.tenant_id = $1 AND s.token_hash = $2 AND s.expires_at > now() AND s.last_seen_at > now() - \
    CASE s.kind WHEN 'browser' THEN interval '2 hours' ELSE interval '14 days' END";
/// The statement of src/store/notes.rs. It finds the user by the session, so that both travel together.
const LIST: &str = "SELECT n.id, n.user_id, n.title, CASE WHEN sum(octet_length(n.content)) \
    OVER (ORDER BY n.created_at DESC, n.id DESC) - octet_length(n.content) < 2097152 THEN n.content \
    ELSE '' END, n.version, n.created_at, n.updated_at
    FROM {notes} n WHERE n.tenant_id = $1
    AND n.user_id = (SELECT s.user_id FROM {sessions} s WHERE s.tenant_id = $1 AND s.token_hash = $2)
    AND n.deleted_at IS NULL ORDER BY n.created_at DESC, n.id DESC LIMIT 21";

/// A note in the answer, with the product's fields.
#[derive(Serialize)]
struct FloorNote<'a> {
    note_id: i64,
    tenant_id: i64,
    user_id: i64,
    title: Option<&'a str>,
    content: &'a str,
    version: i32,
    created_at: chrono::DateTime<chrono::Utc>,
    updated_at: chrono::DateTime<chrono::Utc>,
}

/// The statements and the pool of one shard.
struct ShardStatements {
    pool: Pool,
    session: String,
    list: String,
}

/// The shard of each tenant.
type Places = HashMap<i64, Arc<ShardStatements>>;

#[actix_web::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [server, first, kind] = arguments.as_slice() else {
        return Err("bin/bench calls this with HOST:PORT FIRST_TENANT citus|plain".into());
    };
    let places = web::Data::new(places(server, first.parse()?, kind == "citus").await?);
    let application = move || App::new().app_data(places.clone()).route("/api/notes", web::get().to(index));
    let server = HttpServer::new(application).bind(("127.0.0.1", 0))?;
    let port = server.addrs().first().ok_or("no address")?.port();
    println!("http://localhost:{port}");
    Ok(server.run().await?)
}

async fn places(server: &str, first: i64, citus: bool) -> Outcome<Places> {
    let client = shards::connect(server).await?;
    let mut pools: HashMap<String, Pool> = HashMap::new();
    let mut places = Places::new();
    for shard in shards::shards(&client, server, first, citus).await? {
        if !pools.contains_key(&shard.node) {
            pools.insert(shard.node.clone(), pool_of(&shard.node)?);
        }
        let statements = Arc::new(ShardStatements {
            pool: pools[&shard.node].clone(),
            session: shard.on(SESSION),
            list: shard.on(LIST),
        });
        places.extend(shard.tenants.iter().map(|tenant| (*tenant, Arc::clone(&statements))));
    }
    Ok(places)
}

fn pool_of(node: &str) -> Outcome<Pool> {
    let mut config: tokio_postgres::Config = shards::url_on(node).parse()?;
    config.options(OPTIONS);
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Ok(Pool::builder(Manager::from_config(config, NoTls, settings)).max_size(POOL_SIZE).build()?)
}

async fn index(request: HttpRequest, places: web::Data<Places>) -> HttpResponse {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let tenant = token.split('_').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let Some(shard) = places.get(&tenant) else { return HttpResponse::Unauthorized().finish() };
    match read(shard, tenant, &Sha256::digest(token.as_bytes())).await {
        Ok(Some(notes)) => answer(tenant, &notes),
        Ok(None) => HttpResponse::Unauthorized().finish(),
        Err(error) => {
            eprintln!("floor: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The notes, if the session is in force.
#[allow(clippy::disallowed_methods, reason = "the floor uses the pool without the application")]
async fn read(shard: &ShardStatements, tenant: i64, hash: &[u8]) -> Outcome<Option<Vec<Row>>> {
    let client = shard.pool.get().await?;
    let (session, list) =
        try_join(client.prepare_cached(&shard.session), client.prepare_cached(&shard.list)).await?;
    // Both are on the wire before an answer is awaited.
    let (found, notes) =
        try_join(client.query_opt(&session, &[&tenant, &hash]), client.query(&list, &[&tenant, &hash]))
            .await?;
    Ok(found.map(|_| notes))
}

fn answer(tenant: i64, rows: &[Row]) -> HttpResponse {
    let notes: Vec<FloorNote<'_>> = rows
        .iter()
        .take(20)
        .map(|row| FloorNote {
            note_id: row.get(0),
            tenant_id: tenant,
            user_id: row.get(1),
            title: row.get(2),
            content: row.get(3),
            version: row.get(4),
            created_at: row.get(5),
            updated_at: row.get(6),
        })
        .collect();
    HttpResponse::Ok().json(notes)
}
