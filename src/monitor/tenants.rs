//! Who is busy: each web process counts its tenants' statements and how long they took, and writes a hundred
//! of them down each minute; two weeks are kept. What Citus counts by itself lacks the reads that go to a
//! shard's own table.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use super::nodes::{MissingNode, Nodes};
use super::table::{Cell, Table, bytes};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::db::{TenantLoad, hash_of_bigint};

/// Tenants that are shown.
const MOST_SHOWN: usize = 50;
/// Points of a sparkline: one for each half hour of a day.
pub const POINTS: usize = 48;

/// The tenants over a stretch of time.
#[derive(Serialize)]
pub struct Tenants {
    /// When.
    pub at: DateTime<Utc>,
    /// The stretch in seconds.
    pub span: u64,
    /// The busiest first.
    pub tenants: Vec<TenantRow>,
    /// The biggest first, as PostgreSQL's statistics have them.
    pub biggest: Vec<BigTenant>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A tenant.
#[derive(Serialize)]
pub struct TenantRow {
    /// Its number.
    pub tenant: i64,
    /// Its name, where the coordinator told.
    pub name: String,
    /// Where its shard is.
    pub node: String,
    /// The lowest number among its shards.
    pub shard: Option<i64>,
    /// Statements over the stretch, and in the last minute or two.
    pub statements: (i64, i64),
    /// Seconds until the database had answered them, over the stretch and in the last minute or two.
    pub seconds: (f64, f64),
    /// The same seconds in each half hour of the last day, the oldest first.
    pub day: Vec<f64>,
    /// Whether it has a shard of its own: the group on which it is kept.
    pub pinned: Option<i32>,
}

/// A tenant with many notes.
#[derive(Clone, Debug, Serialize)]
pub struct BigTenant {
    /// Its number.
    pub tenant: i64,
    /// Its name, where the coordinator told.
    pub name: String,
    /// Where its notes are.
    pub node: String,
    /// About how many notes it has.
    pub notes: i64,
    /// About how many bytes they take.
    pub bytes: i64,
}

/// Tenants that are shown as the biggest.
const MOST_BIG: usize = 20;
const BIGGEST: &str = "SELECT tenant, notes, bytes FROM operator.largest_tenants()";
const SUMS: &str = "
    SELECT tenant, sum(statements)::bigint, sum(seconds)::float8 FROM operator.tenant_samples
    WHERE at > now() - make_interval(secs => $1) GROUP BY 1 ORDER BY 3 DESC LIMIT $2";
const DAY: &str = "
    SELECT tenant, floor(extract(epoch FROM now() - at) / 1800)::integer, sum(seconds)::float8
    FROM operator.tenant_samples
    WHERE at > now() - interval '24 hours' AND tenant = ANY ($1) GROUP BY 1, 2";
const NAMES: &str = "SELECT id, left(name, 60) FROM shared.tenants WHERE id = ANY ($1)";
/// A sample is of the minute that begins where it is named, so the last two reach up to now.
const LATELY: Duration = Duration::from_secs(120);

/// What the coordinator keeps.
#[derive(Clone, Default)]
struct TenantHistory {
    sums: Vec<TenantLoad>,
    days: HashMap<i64, Vec<f64>>,
    names: HashMap<i64, String>,
    pins: HashMap<i64, i32>,
}

/// What tenants' work came to in the last minute or two: what all processes wrote down, and of tenants that
/// are not there what this process has counted since.
pub(super) async fn lately(
    coordinator: &NodeConnection,
    recent: &[TenantLoad],
) -> Result<Vec<TenantLoad>, ClusterError> {
    let mut loads = sums(coordinator, LATELY, 500).await?;
    let written: Vec<i64> = loads.iter().map(|load| load.tenant).collect();
    loads.extend(recent.iter().filter(|load| !written.contains(&load.tenant)));
    loads.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok(loads)
}

async fn sums(
    coordinator: &NodeConnection,
    span: Duration,
    most: i64,
) -> Result<Vec<TenantLoad>, ClusterError> {
    let rows = coordinator.rows("reading samples", SUMS, &[&span.as_secs_f64(), &most]).await?;
    let load = |tenant, statements: i64, seconds| TenantLoad {
        tenant,
        statements: statements.unsigned_abs(),
        seconds,
    };
    Ok(rows.iter().map(|row| load(row.get(0), row.get(1), row.get(2))).collect())
}

/// Looks at all of them; `recent` is what this process has counted lately.
///
/// # Errors
/// When no node was ever listed.
pub async fn tenants(nodes: &Nodes, recent: &[TenantLoad], span: Duration) -> Result<Tenants, ClusterError> {
    let cluster = nodes.list().await?;
    let mut found = Tenants {
        at: Utc::now(),
        span: span.as_secs(),
        tenants: Vec::new(),
        biggest: Vec::new(),
        missing: Vec::new(),
    };
    let citus = cluster.citus;
    let sizes = nodes
        .ask_all(&cluster.nodes, async |connection, _| connection.rows("reading sizes", BIGGEST, &[]).await);
    let told = nodes.ask_coordinator(async |connection| told(connection, recent, span, citus).await);
    let (sizes, told) = futures_util::future::join(sizes, told).await;
    for answer in sizes {
        found.missing.extend(answer.missing());
        let node = answer.node.address.to_string();
        let big = |row: &Row| BigTenant {
            tenant: row.get(0),
            name: String::new(),
            node: node.clone(),
            notes: row.get(1),
            bytes: row.get(2),
        };
        found.biggest.extend(answer.result.iter().flatten().map(big));
    }
    found.biggest.sort_by_key(|tenant| std::cmp::Reverse(tenant.bytes));
    found.biggest.truncate(MOST_BIG);
    let big: Vec<i64> = found.biggest.iter().map(|tenant| tenant.tenant).collect();
    let home = cluster.nodes.first().map_or_else(String::new, |node| node.address.to_string());
    let (now, kept, homes) = told.unwrap_or_else(|error| {
        if found.missing.iter().all(|missing| missing.node != home) {
            found.missing.push(MissingNode { node: home.clone(), reason: error.to_string() });
        }
        (recent.to_vec(), TenantHistory::default(), Vec::new())
    });
    let now: HashMap<i64, TenantLoad> = now.into_iter().map(|load| (load.tenant, load)).collect();
    let sums: HashMap<i64, TenantLoad> = kept.sums.iter().map(|load| (load.tenant, *load)).collect();
    let mut tenants: Vec<i64> = sums.keys().chain(now.keys()).copied().collect();
    tenants.sort_unstable();
    tenants.dedup();
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for tenant in tenants {
        let home = homes.iter().find(|home| home.holds(tenant));
        let only = cluster.nodes.first().filter(|_| !citus).map(|node| node.address.to_string());
        let (sum, now) =
            (sums.get(&tenant).copied().unwrap_or_default(), now.get(&tenant).copied().unwrap_or_default());
        found.tenants.push(TenantRow {
            tenant,
            name: kept.names.get(&tenant).cloned().unwrap_or_default(),
            node: home.map(|home| home.node.clone()).or(only).unwrap_or_else(|| "?".to_owned()),
            shard: home.map(|home| home.shard),
            statements: (whole(sum.statements.max(now.statements)), whole(now.statements)),
            seconds: (sum.seconds.max(now.seconds), now.seconds),
            day: kept.days.get(&tenant).cloned().unwrap_or_else(|| vec![0.0; POINTS]),
            pinned: kept.pins.get(&tenant).copied(),
        });
    }
    if !big.is_empty() && found.missing.iter().all(|missing| missing.node != home) {
        let names =
            nodes.ask_coordinator(async |connection| names(connection, &big).await).await.unwrap_or_default();
        for tenant in &mut found.biggest {
            tenant.name = names.get(&tenant.tenant).cloned().unwrap_or_default();
        }
    }
    found.tenants.sort_by(|a, b| b.seconds.0.total_cmp(&a.seconds.0));
    found.tenants.truncate(MOST_SHOWN);
    Ok(found)
}

async fn told(
    connection: &NodeConnection,
    recent: &[TenantLoad],
    span: Duration,
    citus: bool,
) -> Result<(Vec<TenantLoad>, TenantHistory, Vec<ShardRange>), ClusterError> {
    let mut now = lately(connection, recent).await?;
    now.truncate(MOST_SHOWN);
    let kept = kept(connection, span, &now).await?;
    let homes = homes(connection, citus).await?;
    Ok((now, kept, homes))
}

/// A range of tenants' hashes and where it is.
#[derive(Clone)]
pub(super) struct ShardRange {
    range: (i32, i32),
    shard: i64,
    /// host:port.
    pub(super) node: String,
}

impl ShardRange {
    /// Whether this tenant's rows are there.
    pub(super) fn holds(&self, tenant: i64) -> bool {
        (self.range.0..=self.range.1).contains(&hash_of_bigint(tenant))
    }
}

const HOMES: &str = "
    SELECT s.shardminvalue::integer, s.shardmaxvalue::integer, min(s.shardid), min(n.nodename || ':' ||
    n.nodeport)
    FROM pg_dist_partition t JOIN pg_dist_shard s USING (logicalrelid) JOIN pg_dist_placement p
    USING (shardid)
    JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
    WHERE t.colocationid = (SELECT colocationid FROM pg_dist_partition
    WHERE logicalrelid = to_regclass('shared.users'))
      AND t.partmethod = 'h' GROUP BY 1, 2";

/// Where tenants are; nothing on plain PostgreSQL.
pub(super) async fn homes(connection: &NodeConnection, citus: bool) -> Result<Vec<ShardRange>, ClusterError> {
    if !citus {
        return Ok(Vec::new());
    }
    let rows = connection.rows("listing the shards", HOMES, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| ShardRange { range: (row.get(0), row.get(1)), shard: row.get(2), node: row.get(3) })
        .collect())
}

async fn kept(
    coordinator: &NodeConnection,
    span: Duration,
    now: &[TenantLoad],
) -> Result<TenantHistory, ClusterError> {
    let most = i64::try_from(MOST_SHOWN).unwrap_or(i64::MAX);
    let mut kept = TenantHistory { sums: sums(coordinator, span, most).await?, ..TenantHistory::default() };
    let shown: Vec<i64> = kept.sums.iter().chain(now).map(|load| load.tenant).collect();
    for row in coordinator.rows("reading samples", DAY, &[&shown]).await? {
        let ago = usize::try_from(row.get::<_, i32>(1)).unwrap_or_default().min(POINTS - 1);
        let day = kept.days.entry(row.get(0)).or_insert_with(|| vec![0.0; POINTS]);
        day[POINTS - 1 - ago] += row.get::<_, f64>(2);
    }
    kept.names = names(coordinator, &shown).await?;
    for row in coordinator.rows("listing pins", "SELECT tenant, groupid FROM operator.pins", &[]).await? {
        kept.pins.insert(row.get(0), row.get(1));
    }
    Ok(kept)
}

async fn names(coordinator: &NodeConnection, tenants: &[i64]) -> Result<HashMap<i64, String>, ClusterError> {
    let rows = coordinator.rows("reading names", NAMES, &[&tenants]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

impl Tenants {
    /// The same as a table.
    pub fn tables(&self) -> Vec<Table> {
        let heads = [
            "tenant",
            "name",
            "#seconds",
            "#statements",
            "#seconds lately",
            "#statements lately",
            "#seconds of the day",
            "node",
            "shard",
            "kept on group",
        ];
        let mut table =
            Table::new("Busiest tenants", &heads).when_empty("No tenant was counted in this time.");
        for row in &self.tenants {
            table.row([
                Cell::from(row.tenant.to_string()),
                row.name.clone().into(),
                format!("{:.2}", row.seconds.0).into(),
                row.statements.0.to_string().into(),
                format!("{:.2}", row.seconds.1).into(),
                row.statements.1.to_string().into(),
                format!("{:.1}", row.day.iter().sum::<f64>()).into(),
                row.node.clone().into(),
                row.shard.map_or_else(String::new, |shard| shard.to_string()).into(),
                row.pinned.map_or_else(String::new, |group| group.to_string()).into(),
            ]);
        }
        let mut biggest =
            Table::new("Biggest tenants", &["tenant", "name", "#notes, about", "#bytes, about", "node"])
                .when_empty("PostgreSQL has no statistics yet; it makes them as rows are written.");
        for row in &self.biggest {
            biggest.row([
                row.tenant.to_string(),
                row.name.clone(),
                row.notes.to_string(),
                bytes(row.bytes),
                row.node.clone(),
            ]);
        }
        vec![table, biggest]
    }
}
