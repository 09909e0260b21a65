//! What only the coordinator knows: tables, shards, jobs, pins, leftovers, events and loads of tenants.

use crate::cluster::error::ClusterError;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::{distribute, events, jobs};
use crate::db::TenantLoad;
use crate::monitor::report::{BusyTenant, CoordinatorState, JobState, Pin, TableInfo};
use crate::monitor::tenants;

/// How many of the busiest tenants a report names.
const MOST_TENANTS: usize = 10;
/// How many of the latest events a report shows.
const MOST_EVENTS: i64 = 5;

const GROUP_COUNT: &str = "
    SELECT count(*) FROM (SELECT groupid FROM operator.node_groups
                          UNION SELECT groupid FROM pg_dist_node) known
    WHERE groupid > 0";

/// Reads all of it.
pub(super) async fn ask(coordinator: &NodeConnection, citus: bool) -> Result<CoordinatorState, ClusterError> {
    if !citus {
        return Ok(CoordinatorState {
            tables: plain_tables(coordinator).await?,
            events: events::latest(coordinator, MOST_EVENTS).await?,
            ..CoordinatorState::default()
        });
    }
    // Pipelined over one connection: a busy server then delays the report once and not nine times.
    let (local, tables, shards, job, pins, orphans, events, groups, tenants) = tokio::try_join!(
        distribute::undistributed(coordinator),
        tables(coordinator),
        shard_counts(coordinator),
        job(coordinator),
        pins(coordinator),
        orphans(coordinator),
        events::latest(coordinator, MOST_EVENTS),
        coordinator.row("counting group numbers", GROUP_COUNT, &[]),
        busy_tenants(coordinator, citus),
    )?;
    let local = local.into_iter().map(|table| table.name).collect();
    Ok(CoordinatorState { tables, shards, job, pins, local, orphans, events, tenants, groups: groups.get(0) })
}

async fn busy_tenants(coordinator: &NodeConnection, citus: bool) -> Result<Vec<BusyTenant>, ClusterError> {
    let (loads, ranges) =
        tokio::try_join!(tenants::recent_loads(coordinator, &[]), tenants::shard_ranges(coordinator, citus))?;
    let node_of = |tenant: i64| {
        let range = ranges.iter().find(|range| range.contains(tenant));
        range.map_or_else(String::new, |range| range.node.clone())
    };
    let busy = |load: &TenantLoad| BusyTenant {
        tenant: load.tenant.to_string(),
        node: node_of(load.tenant),
        statements: load.statements,
        seconds: load.seconds,
    };
    Ok(loads.iter().take(MOST_TENANTS).map(busy).collect())
}

async fn plain_tables(server: &NodeConnection) -> Result<Vec<TableInfo>, ClusterError> {
    let sql = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared') ORDER BY 1";
    let rows = server.rows("listing the tables", sql, &[]).await?;
    let table = |name: String| TableInfo {
        name,
        kind: "plain".to_owned(),
        column: String::new(),
        shards: 0,
        colocation: 0,
    };
    Ok(rows.iter().map(|row| table(row.get(0))).collect())
}

async fn tables(coordinator: &NodeConnection) -> Result<Vec<TableInfo>, ClusterError> {
    let sql = "SELECT logicalrelid::text,
                      CASE WHEN partmethod = 'h' THEN 'distributed' WHEN repmodel = 't' THEN 'reference'
                           ELSE 'local' END,
                      coalesce(column_to_column_name(logicalrelid, partkey), ''),
                      (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = t.logicalrelid),
                      colocationid
               FROM pg_dist_partition t ORDER BY colocationid, 1";
    let rows = coordinator.rows("listing the tables", sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| TableInfo {
            name: row.get(0),
            kind: row.get(1),
            column: row.get(2),
            shards: row.get(3),
            colocation: row.get(4),
        })
        .collect())
}

async fn shard_counts(coordinator: &NodeConnection) -> Result<Vec<(i32, i64)>, ClusterError> {
    let sql = "SELECT p.groupid, count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
               JOIN pg_dist_partition t USING (logicalrelid) WHERE t.partmethod = 'h' GROUP BY 1";
    let rows = coordinator.rows("counting shards", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

const JOB: &str = "
    SELECT state::text, description, started_at,
           coalesce((SELECT string_agg(count || ' ' || status, ', ')
                     FROM (SELECT status::text, count(*) FROM pg_dist_background_task t
                           WHERE t.job_id = j.job_id GROUP BY 1) n), ''),
           ARRAY(SELECT 'attempt ' || retry_count || ' failed, again at ' || coalesce(not_before::text, '?')
                        || ': ' || left(regexp_replace(coalesce(message, ''), '\\s+', ' ', 'g'), 200)
                 FROM pg_dist_background_task t
                 WHERE t.job_id = j.job_id AND retry_count > 0
                   AND status::text NOT IN ('done', 'cancelled', 'unscheduled')),
           ARRAY(SELECT DISTINCT unnest(nodes_involved) FROM pg_dist_background_task t
                 WHERE t.job_id = j.job_id AND status::text IN ('blocked', 'runnable', 'running'))
    FROM pg_dist_background_job j WHERE job_id = $1";

async fn job(coordinator: &NodeConnection) -> Result<Option<JobState>, ClusterError> {
    let id = match jobs::running_job(coordinator).await? {
        Some(job) => Some(job.id),
        None => coordinator
            .row("looking at jobs", "SELECT max(job_id) FROM pg_dist_background_job", &[])
            .await?
            .get(0),
    };
    let Some(id) = id else { return Ok(None) };
    let row = coordinator.row("looking at the job", JOB, &[&id]).await?;
    Ok(Some(JobState {
        id,
        state: row.get(0),
        description: row.get(1),
        started_at: row.get(2),
        moves: row.get(3),
        troubles: row.get(4),
        node_ids: row.get(5),
    }))
}

async fn pins(coordinator: &NodeConnection) -> Result<Vec<Pin>, ClusterError> {
    let sql = "SELECT tenant, groupid, alone FROM operator.pins ORDER BY tenant";
    let rows = coordinator.rows("listing pins", sql, &[]).await?;
    Ok(rows.iter().map(|row| Pin { tenant: row.get(0), group: row.get(1), alone: row.get(2) }).collect())
}

/// Leftovers of moves on node groups that no longer exist.
async fn orphans(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let sql = "SELECT object_name FROM pg_dist_cleanup
               WHERE node_group_id NOT IN (SELECT groupid FROM pg_dist_node) ORDER BY 1 LIMIT 20";
    let rows = coordinator.rows("looking for leftovers", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
