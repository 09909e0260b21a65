//! The load and the size of tenants. Each web process counts its tenants' statements and the time that they
//! took, and writes the busiest hundred every minute; these samples are kept for two weeks. Citus' own
//! counters (citus_stat_tenants) do not see the reads that go directly to a shard's table.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use super::nodes::{Answer, MissingNode, NodeList, Nodes};
use super::table::{Cell, Table, bytes};
use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::db::{TenantLoad, hash_of_bigint};

/// How many of the busiest tenants are shown.
const MOST_BUSY: usize = 50;
/// How many of the biggest tenants are shown.
const MOST_BIG: usize = 20;
/// The points of a sparkline: one for each half hour of a day.
const POINTS: usize = 48;

/// The busiest tenants of a period, and the biggest.
#[derive(Serialize)]
pub struct Tenants {
    pub at: DateTime<Utc>,
    /// The length of the period in seconds; it ends now.
    pub span: u64,
    /// The busiest first.
    pub tenants: Vec<TenantRow>,
    /// The biggest first, by PostgreSQL's estimates.
    pub biggest: Vec<BigTenant>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// The load of a tenant.
#[derive(Serialize)]
pub struct TenantRow {
    pub tenant: i64,
    /// Empty when the coordinator did not answer.
    pub name: String,
    /// host:port of the node that holds its shard.
    pub node: String,
    /// The lowest number among its shards.
    pub shard: Option<i64>,
    /// Statements in the period, and in the last one to two minutes.
    pub statements: (i64, i64),
    /// How long the database worked for them, in seconds.
    pub seconds: (f64, f64),
    /// The seconds in each half hour of the last day, the oldest first.
    pub day: Vec<f64>,
    /// The node group to which its own shard is pinned.
    pub pinned: Option<i32>,
}

/// The size of a tenant.
#[derive(Clone, Debug, Serialize)]
pub struct BigTenant {
    pub tenant: i64,
    /// Empty when the coordinator did not answer.
    pub name: String,
    /// host:port of the node that holds its notes.
    pub node: String,
    /// An estimate of the number of notes.
    pub notes: i64,
    /// An estimate of their bytes.
    pub bytes: i64,
}

const BIGGEST: &str = "SELECT tenant, notes, bytes FROM operator.largest_tenants()";
const SUMS: &str = "
    SELECT tenant, sum(statements)::bigint, sum(seconds)::float8 FROM operator.tenant_samples
    WHERE at > now() - make_interval(secs => $1) GROUP BY 1 ORDER BY 3 DESC LIMIT $2";
const DAY: &str = "
    SELECT tenant, floor(extract(epoch FROM now() - at) / 1800)::integer, sum(seconds)::float8
    FROM operator.tenant_samples
    WHERE at > now() - interval '24 hours' AND tenant = ANY ($1) GROUP BY 1, 2";
const NAMES: &str = "SELECT id, left(name, 60) FROM shared.tenants WHERE id = ANY ($1)";
/// The samples of a minute have the time of its start, so the last two minutes include the present one.
const RECENT: Duration = Duration::from_secs(120);

/// Reads the loads of the last `span` and the sizes. `recent` is what this process has counted and not
/// written yet.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn tenants(nodes: &Nodes, recent: &[TenantLoad], span: Duration) -> Result<Tenants, ClusterError> {
    let cluster = nodes.list().await?;
    let sizes = nodes
        .ask_all(&cluster.nodes, async |connection, _| connection.rows("reading sizes", BIGGEST, &[]).await);
    let loads = nodes.ask_coordinator(async |connection| {
        CoordinatorLoads::read(connection, recent, span, cluster.citus).await
    });
    let (sizes, loads) = futures_util::future::join(sizes, loads).await;

    let mut missing: Vec<MissingNode> = sizes.iter().filter_map(Answer::missing).collect();
    let loads = loads.unwrap_or_else(|error| {
        let coordinator = cluster.missing_coordinator(&error);
        if missing.iter().all(|missing| missing.node != coordinator.node) {
            missing.push(coordinator);
        }
        CoordinatorLoads { recent: recent.to_vec(), ..CoordinatorLoads::default() }
    });
    let mut biggest = biggest(sizes);
    let coordinator = cluster.nodes.first().map(|node| node.address.to_string());
    if missing.iter().all(|missing| Some(&missing.node) != coordinator.as_ref()) {
        add_names(nodes, &mut biggest).await;
    }
    let tenants = busiest(&loads, &cluster);
    Ok(Tenants { at: Utc::now(), span: span.as_secs(), tenants, biggest, missing })
}

fn biggest(sizes: Vec<Answer<Vec<Row>>>) -> Vec<BigTenant> {
    let mut biggest = Vec::new();
    for answer in sizes {
        let node = answer.node.address.to_string();
        let tenant = |row: &Row| BigTenant {
            tenant: row.get(0),
            name: String::new(),
            node: node.clone(),
            notes: row.get(1),
            bytes: row.get(2),
        };
        biggest.extend(answer.result.iter().flatten().map(tenant));
    }
    biggest.sort_by_key(|tenant: &BigTenant| std::cmp::Reverse(tenant.bytes));
    biggest.truncate(MOST_BIG);
    biggest
}

async fn add_names(nodes: &Nodes, tenants: &mut [BigTenant]) {
    if tenants.is_empty() {
        return;
    }
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.tenant).collect();
    let names = nodes.ask_coordinator(async |connection| names(connection, &ids).await).await;
    let names = names.unwrap_or_default();
    for tenant in tenants {
        tenant.name = names.get(&tenant.tenant).cloned().unwrap_or_default();
    }
}

fn busiest(loads: &CoordinatorLoads, cluster: &NodeList) -> Vec<TenantRow> {
    let by_tenant = |loads: &[TenantLoad]| -> HashMap<i64, TenantLoad> {
        loads.iter().map(|load| (load.tenant, *load)).collect()
    };
    let (period, recent) = (by_tenant(&loads.period), by_tenant(&loads.recent));
    let only_server = cluster.nodes.first().filter(|_| !cluster.citus).map(|node| node.address.to_string());
    let tenants: BTreeSet<i64> = period.keys().chain(recent.keys()).copied().collect();
    let mut rows: Vec<TenantRow> = tenants
        .into_iter()
        .map(|tenant| {
            let period = period.get(&tenant).copied().unwrap_or_default();
            let recent = recent.get(&tenant).copied().unwrap_or_default();
            loads.row(tenant, period, recent, only_server.as_deref())
        })
        .collect();
    rows.sort_by(|a, b| b.seconds.0.total_cmp(&a.seconds.0));
    rows.truncate(MOST_BUSY);
    rows
}

/// What the coordinator knows about the loads.
#[derive(Default)]
struct CoordinatorLoads {
    /// Of the period.
    period: Vec<TenantLoad>,
    /// Of the last one to two minutes.
    recent: Vec<TenantLoad>,
    days: HashMap<i64, Vec<f64>>,
    names: HashMap<i64, String>,
    pins: HashMap<i64, i32>,
    ranges: Vec<ShardRange>,
}

impl CoordinatorLoads {
    async fn read(
        coordinator: &NodeConnection,
        recent: &[TenantLoad],
        span: Duration,
        citus: bool,
    ) -> Result<Self, ClusterError> {
        let mut recent = recent_loads(coordinator, recent).await?;
        recent.truncate(MOST_BUSY);
        let most = i64::try_from(MOST_BUSY).unwrap_or(i64::MAX);
        let period = sums(coordinator, span, most).await?;
        let shown: Vec<i64> = period.iter().chain(&recent).map(|load| load.tenant).collect();
        let pins = "SELECT tenant, groupid FROM operator.pins";
        let pins = coordinator.rows("listing pins", pins, &[]).await?;
        Ok(Self {
            days: days(coordinator, &shown).await?,
            names: names(coordinator, &shown).await?,
            pins: pins.iter().map(|row| (row.get(0), row.get(1))).collect(),
            ranges: shard_ranges(coordinator, citus).await?,
            period,
            recent,
        })
    }

    fn row(
        &self,
        tenant: i64,
        period: TenantLoad,
        recent: TenantLoad,
        only_server: Option<&str>,
    ) -> TenantRow {
        let range = self.ranges.iter().find(|range| range.contains(tenant));
        let node = range.map(|range| range.node.as_str()).or(only_server).unwrap_or("?");
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        TenantRow {
            tenant,
            name: self.names.get(&tenant).cloned().unwrap_or_default(),
            node: node.to_owned(),
            shard: range.map(|range| range.shard),
            statements: (count(period.statements.max(recent.statements)), count(recent.statements)),
            seconds: (period.seconds.max(recent.seconds), recent.seconds),
            day: self.days.get(&tenant).cloned().unwrap_or_else(|| vec![0.0; POINTS]),
            pinned: self.pins.get(&tenant).copied(),
        }
    }
}

/// The loads of the last one to two minutes, the busiest first: the samples of all processes, and for tenants
/// without a sample what this process has counted since.
pub(super) async fn recent_loads(
    coordinator: &NodeConnection,
    counted: &[TenantLoad],
) -> Result<Vec<TenantLoad>, ClusterError> {
    let mut loads = sums(coordinator, RECENT, 500).await?;
    let sampled: Vec<i64> = loads.iter().map(|load| load.tenant).collect();
    loads.extend(counted.iter().filter(|load| !sampled.contains(&load.tenant)));
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

async fn days(coordinator: &NodeConnection, tenants: &[i64]) -> Result<HashMap<i64, Vec<f64>>, ClusterError> {
    let mut days = HashMap::new();
    for row in coordinator.rows("reading samples", DAY, &[&tenants]).await? {
        let half_hours_ago = usize::try_from(row.get::<_, i32>(1)).unwrap_or_default().min(POINTS - 1);
        let day = days.entry(row.get(0)).or_insert_with(|| vec![0.0; POINTS]);
        day[POINTS - 1 - half_hours_ago] += row.get::<_, f64>(2);
    }
    Ok(days)
}

async fn names(coordinator: &NodeConnection, tenants: &[i64]) -> Result<HashMap<i64, String>, ClusterError> {
    let rows = coordinator.rows("reading names", NAMES, &[&tenants]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// A range of hash values, and the shard and node that hold its tenants.
pub(super) struct ShardRange {
    hashes: (i32, i32),
    shard: i64,
    /// host:port.
    pub(super) node: String,
}

impl ShardRange {
    /// Whether the tenant's rows are in this range.
    pub(super) fn contains(&self, tenant: i64) -> bool {
        (self.hashes.0..=self.hashes.1).contains(&hash_of_bigint(tenant))
    }
}

const SHARD_RANGES: &str = "
    SELECT s.shardminvalue::integer, s.shardmaxvalue::integer, min(s.shardid),
           min(n.nodename || ':' || n.nodeport)
    FROM pg_dist_partition t JOIN pg_dist_shard s USING (logicalrelid)
    JOIN pg_dist_placement p USING (shardid)
    JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
    WHERE t.colocationid = (SELECT colocationid FROM pg_dist_partition
                            WHERE logicalrelid = to_regclass('shared.users'))
      AND t.partmethod = 'h' GROUP BY 1, 2";

/// The ranges of all shards of tenants' tables; none on plain PostgreSQL.
pub(super) async fn shard_ranges(
    connection: &NodeConnection,
    citus: bool,
) -> Result<Vec<ShardRange>, ClusterError> {
    if !citus {
        return Ok(Vec::new());
    }
    let rows = connection.rows("listing the shards", SHARD_RANGES, &[]).await?;
    let range =
        |row: &Row| ShardRange { hashes: (row.get(0), row.get(1)), shard: row.get(2), node: row.get(3) };
    Ok(rows.iter().map(range).collect())
}

impl Tenants {
    /// The busiest and the biggest tenants as tables.
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
            "pinned to group",
        ];
        let mut busiest =
            Table::new("Busiest tenants", &heads).when_empty("No tenant was counted in this time.");
        for row in &self.tenants {
            busiest.row(row.cells());
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
        vec![busiest, biggest]
    }
}

impl TenantRow {
    fn cells(&self) -> [Cell; 10] {
        [
            self.tenant.to_string().into(),
            self.name.clone().into(),
            format!("{:.2}", self.seconds.0).into(),
            self.statements.0.to_string().into(),
            format!("{:.2}", self.seconds.1).into(),
            self.statements.1.to_string().into(),
            format!("{:.1}", self.day.iter().sum::<f64>()).into(),
            self.node.clone().into(),
            self.shard.map_or_else(String::new, |shard| shard.to_string()).into(),
            self.pinned.map_or_else(String::new, |group| group.to_string()).into(),
        ]
    }
}
