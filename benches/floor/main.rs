//! The floor of bin/bench: the least that a web process can do for `GET /api/notes`. A handler of actix-web
//! finds a session and its user and lists that user's notes, with the product's two statements in one round
//! trip, on the shard's own tables. It has no policies, no cache, no limits and no templates, and works as
//! superuser. bin/bench starts it with the coordinator's host:port, the first tenant's number, and `citus` or
//! `plain`; it prints its address.

#[path = "../shared/outcome.rs"]
mod outcome;
#[path = "../shared/shards.rs"]
mod shards;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::future::try_join;
use outcome::Outcome;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::{NoTls, Row};

use pigeonhole::store::tenant_templates;

/// As many calls at once as the product sends to a node of a machine with two cores (NODE_CONCURRENCY).
const POOL_SIZE: usize = 3;
/// The product's statement that finds a session has both of these, and no other has.
const OF_SESSION: [&str; 2] = ["FROM {sessions} s", "JOIN {shared.tenants} t"];
/// Its statement that reads the first page of the API's list has these two.
const OF_LIST: [&str; 2] = ["CASE WHEN sum(octet_length(n.content))", "n.deleted_at IS NULL ORDER BY"];
/// The condition of the list on its author, and what is in its place here: the session's user, so that both
/// statements can travel together.
const AUTHOR: &str = "n.user_id = $2";
const USER_OF_SESSION: &str =
    "n.user_id = (SELECT s.user_id FROM {sessions} s WHERE s.tenant_id = $1 AND s.token_hash = $2)";
/// A page of 20 notes, and one that tells whether there are more.
const LIMIT: i64 = 21;

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
    let (of_session, of_list) = statements()?;
    for shard in shards::shards(&client, server, first, citus).await? {
        if !pools.contains_key(&shard.node) {
            pools.insert(shard.node.clone(), pool_of(&shard.node)?);
        }
        let statements = Arc::new(ShardStatements {
            pool: pools[&shard.node].clone(),
            session: shard.on(of_session),
            list: shard.on(&of_list),
        });
        places.extend(shard.tenants.iter().map(|tenant| (*tenant, Arc::clone(&statements))));
    }
    Ok(places)
}

/// The product's two statements, with their tables in braces.
fn statements() -> Outcome<(&'static str, String)> {
    let all = tenant_templates();
    let find = |parts: [&str; 2]| {
        let found = all.iter().find(|text| parts.iter().all(|part| text.contains(part)));
        found.copied().ok_or_else(|| format!("no statement of the product has {parts:?}"))
    };
    let list = find(OF_LIST)?;
    if !list.contains(AUTHOR) {
        return Err(format!("the product's list has no {AUTHOR}").into());
    }
    Ok((find(OF_SESSION)?, list.replace(AUTHOR, USER_OF_SESSION)))
}

fn pool_of(node: &str) -> Outcome<Pool> {
    let mut config: tokio_postgres::Config = shards::url_on(node).parse()?;
    config.options(shards::CONNECTION_OPTIONS);
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
    let (found, notes) = try_join(
        client.query_opt(&session, &[&tenant, &hash]),
        client.query(&list, &[&tenant, &hash, &LIMIT]),
    )
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
