//! Who is busy: Citus counts each node's busiest tenants for this minute and the last and forgets them; what was counted is
//! kept here as samples, a hundred tenants each minute for 14 days.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{Missing, Nodes};
use super::sheet::{Cell, Sheet};
use crate::cluster::error::ClusterError;
use crate::cluster::session::Session;
use crate::db::hash_of_bigint;

/// Tenants that are shown.
const MOST_SHOWN: usize = 50;
/// Points of a sparkline: one for each half hour of a day.
pub const POINTS: usize = 48;

/// A tenant's work of the last minute or two.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    /// Its number.
    pub tenant: i64,
    /// The tables that are spread together.
    #[serde(skip)]
    pub colocation: i32,
    /// What decides its shard.
    #[serde(skip)]
    pub hash: i32,
    /// Queries in this period and the one before.
    pub queries: i64,
    /// Seconds of processor time in both.
    pub cpu_seconds: f64,
}

// An attribute that is no number belongs to a table that is spread by something else than the tenant.
const NOW: &str = "
    SELECT tenant_attribute::bigint, colocation_id, sum(query_count_in_this_period + query_count_in_last_period)::bigint,
           sum(cpu_usage_in_this_period + cpu_usage_in_last_period)::float8
    FROM citus_stat_tenants_local()
    WHERE tenant_attribute ~ '^[0-9]{1,18}$'
      AND colocation_id = (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = to_regclass('shared.users'))
    GROUP BY 1, 2";

/// What a node counts now.
pub(super) async fn now_on(session: &Session) -> Result<Vec<Load>, ClusterError> {
    let rows = session.rows("looking at tenants", NOW, &[]).await?;
    let load =
        |tenant: i64, colocation, queries, cpu_seconds| Load { tenant, colocation, hash: hash_of_bigint(tenant), queries, cpu_seconds };
    Ok(rows.iter().map(|row| load(row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

/// The tenants over a stretch of time.
#[derive(Serialize)]
pub struct Tenants {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether anything is counted: plain PostgreSQL does not, nor Citus with citus.stat_tenants_track = none.
    pub counted: bool,
    /// The stretch in seconds.
    pub span: u64,
    /// The busiest first.
    pub tenants: Vec<TenantRow>,
    /// The nodes that did not answer.
    pub missing: Vec<Missing>,
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
    /// Queries over the stretch, and in the last minute or two.
    pub queries: (i64, i64),
    /// Seconds of processor time over the stretch, and in the last minute or two.
    pub cpu_seconds: (f64, f64),
    /// Seconds of processor time in each half hour of the last day, the oldest first.
    pub day: Vec<f64>,
    /// Whether it has a shard of its own: the group on which it is kept.
    pub pinned: Option<i32>,
}

const SUMS: &str = "
    SELECT tenant, sum(queries)::bigint, sum(cpu_seconds)::float8 FROM operator.tenant_samples
    WHERE at > now() - make_interval(secs => $1) GROUP BY 1 ORDER BY 3 DESC LIMIT $2";
const DAY: &str = "
    SELECT tenant, floor(extract(epoch FROM now() - at) / 1800)::integer, sum(cpu_seconds)::float8 FROM operator.tenant_samples
    WHERE at > now() - interval '24 hours' AND tenant = ANY ($1) GROUP BY 1, 2";
const NAMES: &str = "SELECT id, left(name, 60) FROM shared.tenants WHERE id = ANY ($1)";

/// What the coordinator keeps.
#[derive(Clone, Default)]
struct Kept {
    sums: HashMap<i64, (i64, f64)>,
    days: HashMap<i64, Vec<f64>>,
    names: HashMap<i64, String>,
    pins: HashMap<i64, i32>,
}

/// Looks at all of them.
///
/// # Errors
/// When no node answers.
pub async fn tenants(nodes: &Nodes, span: Duration) -> Result<Tenants, ClusterError> {
    let cluster = nodes.list().await?;
    let mut found = Tenants { at: Utc::now(), counted: cluster.citus, span: span.as_secs(), tenants: Vec::new(), missing: Vec::new() };
    if !cluster.citus {
        return Ok(found);
    }
    let answers = nodes.everywhere(&cluster.nodes, async |session, _| Ok((now_on(session).await?, homes(session).await?))).await;
    found.missing = answers.iter().filter_map(super::Answer::missing).collect();
    let mut now: HashMap<i64, (i64, f64)> = HashMap::new();
    let mut homes = Vec::new();
    for (loads, known) in answers.into_iter().filter_map(|answer| answer.result.ok()) {
        for load in loads {
            let sum = now.entry(load.tenant).or_default();
            *sum = (sum.0 + load.queries, sum.1 + load.cpu_seconds);
        }
        homes = known;
    }
    let busy: Vec<i64> = now.keys().copied().collect();
    let kept = nodes.coordinator(async |session| kept(session, span, &busy).await).await.unwrap_or_default();
    let mut tenants: Vec<i64> = kept.sums.keys().copied().chain(busy).collect();
    tenants.sort_unstable();
    tenants.dedup();
    for tenant in tenants {
        let hash = hash_of_bigint(tenant);
        let home = homes.iter().find(|home| (home.first..=home.last).contains(&hash));
        let node = home.and_then(|home| cluster.nodes.iter().find(|node| node.group == home.group));
        let (queries, cpu) = kept.sums.get(&tenant).copied().unwrap_or_default();
        let (queries_now, cpu_now) = now.get(&tenant).copied().unwrap_or_default();
        found.tenants.push(TenantRow {
            tenant,
            name: kept.names.get(&tenant).cloned().unwrap_or_default(),
            node: node.map_or_else(|| "?".to_owned(), |node| node.address.to_string()),
            shard: home.map(|home| home.shard),
            queries: (queries.max(queries_now), queries_now),
            cpu_seconds: (cpu.max(cpu_now), cpu_now),
            day: kept.days.get(&tenant).cloned().unwrap_or_else(|| vec![0.0; POINTS]),
            pinned: kept.pins.get(&tenant).copied(),
        });
    }
    found.tenants.sort_by(|a, b| b.cpu_seconds.0.total_cmp(&a.cpu_seconds.0).then(b.queries.0.cmp(&a.queries.0)));
    found.tenants.truncate(MOST_SHOWN);
    Ok(found)
}

/// A range of tenants' hashes and where it is.
#[derive(Clone)]
struct Home {
    first: i32,
    last: i32,
    shard: i64,
    group: i32,
}

async fn homes(session: &Session) -> Result<Vec<Home>, ClusterError> {
    let sql = "SELECT s.shardminvalue::integer, s.shardmaxvalue::integer, min(s.shardid), min(p.groupid)
               FROM pg_dist_partition t JOIN pg_dist_shard s USING (logicalrelid) JOIN pg_dist_placement p USING (shardid)
               WHERE t.colocationid = (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = to_regclass('shared.users'))
                 AND t.partmethod = 'h' GROUP BY 1, 2";
    let rows = session.rows("listing the shards", sql, &[]).await?;
    Ok(rows.iter().map(|row| Home { first: row.get(0), last: row.get(1), shard: row.get(2), group: row.get(3) }).collect())
}

async fn kept(coordinator: &Session, span: Duration, busy: &[i64]) -> Result<Kept, ClusterError> {
    let mut kept = Kept::default();
    let most = i64::try_from(MOST_SHOWN).unwrap_or(i64::MAX);
    for row in coordinator.rows("reading samples", SUMS, &[&span.as_secs_f64(), &most]).await? {
        kept.sums.insert(row.get(0), (row.get(1), row.get(2)));
    }
    let shown: Vec<i64> = kept.sums.keys().chain(busy).copied().collect();
    for row in coordinator.rows("reading samples", DAY, &[&shown]).await? {
        let ago = usize::try_from(row.get::<_, i32>(1)).unwrap_or_default().min(POINTS - 1);
        let day = kept.days.entry(row.get(0)).or_insert_with(|| vec![0.0; POINTS]);
        day[POINTS - 1 - ago] += row.get::<_, f64>(2);
    }
    for row in coordinator.rows("reading names", NAMES, &[&shown]).await? {
        kept.names.insert(row.get(0), row.get(1));
    }
    for row in coordinator.rows("listing pins", "SELECT tenant, groupid FROM operator.pins", &[]).await? {
        kept.pins.insert(row.get(0), row.get(1));
    }
    Ok(kept)
}

impl Tenants {
    /// The same as a table.
    pub fn sheets(&self) -> Vec<Sheet> {
        let heads =
            ["tenant", "name", "#CPU s", "#queries", "#CPU s now", "#queries now", "#CPU s of the day", "node", "shard", "kept on group"];
        let mut sheet = Sheet::new("Busiest tenants", &heads).or("No tenant was counted in this time.");
        for row in &self.tenants {
            sheet.row([
                Cell::from(row.tenant.to_string()),
                row.name.clone().into(),
                format!("{:.2}", row.cpu_seconds.0).into(),
                row.queries.0.to_string().into(),
                format!("{:.2}", row.cpu_seconds.1).into(),
                row.queries.1.to_string().into(),
                format!("{:.1}", row.day.iter().sum::<f64>()).into(),
                row.node.clone().into(),
                row.shard.map_or_else(String::new, |shard| shard.to_string()).into(),
                row.pinned.map_or_else(String::new, |group| group.to_string()).into(),
            ]);
        }
        vec![sheet]
    }
}
