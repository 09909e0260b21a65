//! What the database looks like now, as a whole. Every node is asked over a connection of its own, at the
//! same time, and who does not answer in time is shown as such; nothing here waits for a node that is dead or
//! frozen.

use std::time::{Duration, Instant};

use chrono::Utc;

use super::connections;
use super::health::{self, HealthInput};
use super::nodes::{Answer, NodeList, Nodes};
use super::report::{
    BusyTenant, CoordinatorState, JobState, NodeDetails, NodeState, Pin, Severity, StatusReport, TableInfo,
};
use super::tenants;
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::{blockers, distribute, events, jobs, preflight, sizes};
use crate::db::TenantLoad;

/// Tenants that are named.
const MOST_TENANTS: usize = 10;

/// Looks at everything. A coordinator that never answered is an error; anything else is a verdict.
///
/// # Errors
/// When the coordinator does not answer and never did.
pub async fn report(nodes: &Nodes) -> Result<StatusReport, ClusterError> {
    let cluster = nodes.list().await?;
    let citus = cluster.citus;
    let asked =
        nodes.ask_all(&cluster.nodes, async |connection, node| ask(connection, node, citus, nodes).await);
    let central = async {
        // A coordinator that did not list its nodes is not asked for more.
        match &cluster.stale {
            Some(reason) => Err(ClusterError::Obstacle(reason.clone())),
            None => nodes.ask_coordinator(async |connection| central(connection, citus).await).await,
        }
    };
    let (answers, central) = futures_util::future::join(asked, central).await;
    Ok(assemble(&cluster, answers, central))
}

fn assemble(
    cluster: &NodeList,
    answers: Vec<Answer<NodeAnswer>>,
    central: Result<CoordinatorState, ClusterError>,
) -> StatusReport {
    let unreachable_reason = central.as_ref().err().map(ToString::to_string);
    let central = central.unwrap_or_default();
    let mut states = Vec::new();
    for answer in answers {
        let shards = central
            .shards
            .iter()
            .find(|(group, _)| *group == answer.node.group)
            .map_or(0, |(_, count)| *count);
        states.push(NodeState { shards, ..state_of(answer) });
    }
    let verdicts = health::check(&HealthInput {
        cluster,
        states: &states,
        central: &central,
        unreachable_reason: unreachable_reason.as_deref(),
    });
    let severity = verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Severity::Fine);
    StatusReport {
        at: Utc::now(),
        severity,
        citus: cluster.citus,
        verdicts,
        nodes: states,
        tables: central.tables,
        job: central.job,
        tenants: central.tenants,
        pins: central.pins,
        events: central.events,
    }
}

async fn central(coordinator: &NodeConnection, citus: bool) -> Result<CoordinatorState, ClusterError> {
    if !citus {
        return Ok(CoordinatorState {
            tables: plain_tables(coordinator).await?,
            events: events::latest(coordinator, 5).await?,
            ..CoordinatorState::default()
        });
    }
    // Sent together, so that a busy server is waited for once and not eight times.
    let (local, tables, shards, job, pins, orphans, events, groups, tenants) = tokio::try_join!(
        distribute::undistributed(coordinator),
        tables(coordinator),
        shard_counts(coordinator),
        job(coordinator),
        pins(coordinator),
        orphans(coordinator),
        events::latest(coordinator, 5),
        coordinator.row("counting group numbers", GROUPS, &[]),
        busy_tenants(coordinator, citus),
    )?;
    let local = local.into_iter().map(|table| table.name).collect();
    Ok(CoordinatorState { tables, shards, job, pins, local, orphans, events, tenants, groups: groups.get(0) })
}

const GROUPS: &str = "
    SELECT count(*) FROM (SELECT groupid FROM operator.node_groups UNION SELECT groupid \
    FROM pg_dist_node) known WHERE groupid > 0";

/// What a node says, part by part, as far as it came.
struct NodeAnswer {
    after: Duration,
    error: Option<String>,
    inside: Option<NodeDetails>,
    bytes: Option<i64>,
}

fn state_of(answer: Answer<NodeAnswer>) -> NodeState {
    let node = answer.node;
    let (asked, unreachable_reason) = match answer.result {
        Ok(asked) => (Some(asked), None),
        Err(reason) => (None, Some(reason)),
    };
    let millis = |after: Duration| u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    let state = NodeState {
        address: node.address.to_string(),
        group: node.group,
        answered_ms: asked.as_ref().map(|asked| millis(asked.after)),
        error: unreachable_reason.or_else(|| asked.as_ref().and_then(|asked| asked.error.clone())),
        active: node.active,
        synced: node.synced,
        takes_shards: node.takes_shards,
        shards: 0,
        bytes: asked.as_ref().and_then(|asked| asked.bytes),
        inside: None,
    };
    NodeState { inside: asked.and_then(|asked| asked.inside), ..state }
}

async fn ask(
    connection: &NodeConnection,
    node: &ClusterNode,
    citus: bool,
    nodes: &Nodes,
) -> Result<NodeAnswer, ClusterError> {
    let started = Instant::now();
    connection.run("asking", "SELECT 1").await?;
    let mut asked = NodeAnswer { after: started.elapsed(), error: None, inside: None, bytes: None };
    let name = node.address.to_string();
    let more = async {
        if citus {
            let (inside, sizes) = tokio::try_join!(
                inside(connection, &name, citus, nodes.is_read_only()),
                sizes::of_node(connection)
            )?;
            asked.inside = Some(inside);
            asked.bytes = Some(sizes.iter().map(|(_, bytes)| bytes).sum());
        } else {
            asked.inside = Some(inside(connection, &name, citus, nodes.is_read_only()).await?);
            asked.bytes = Some(
                connection.row("measuring", "SELECT pg_database_size(current_database())", &[]).await?.get(0),
            );
        }
        Ok::<_, ClusterError>(())
    };
    // Who has given a sign of life and then takes long is slow, and not dead.
    asked.error = match tokio::time::timeout(nodes.timeout() * 3 / 4, more).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("part of the answers did not come in time".to_owned()),
    };
    Ok(asked)
}

const INSIDE: &str = "
    SELECT (SELECT count(*) FROM pg_replication_slots WHERE NOT active AND database = current_database()),
           (SELECT coalesce(max(pg_current_wal_lsn() - restart_lsn), 0)::bigint
           FROM pg_replication_slots WHERE NOT active),
           (SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
           AND query_start < now() - interval '10 seconds'),
           (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
           AND xact_start < now() - interval '5 minutes'
              AND backend_type = 'client backend'),
           (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()
           AND prepared < now() - interval '1 minute'),
           (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared') AND c.relname !~ '_[0-9]{6,}$'
              AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
              AND a.attname = 'tenant_id' AND NOT a.attisdropped)
              AND (NOT c.relrowsecurity OR c.relforcerowsecurity OR NOT EXISTS (SELECT FROM pg_policy
              WHERE polrelid = c.oid)))";
const UNGUARDED_SHARDS: &str = "
    SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
    JOIN pg_class shell ON shell.oid = s.logicalrelid
    JOIN pg_class c ON c.oid = to_regclass(shard_name(s.logicalrelid, s.shardid, false))
    WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)
      AND shell.relrowsecurity AND (NOT c.relrowsecurity OR c.relforcerowsecurity
        OR (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) <> (SELECT count(*) FROM pg_policy
        WHERE polrelid = shell.oid))";
const DISK: &str = "SELECT available_disk_size, total_disk_size FROM citus_local_disk_space_stats()";

async fn inside(
    connection: &NodeConnection,
    address: &str,
    citus: bool,
    watched: bool,
) -> Result<NodeDetails, ClusterError> {
    let cluster_only = async {
        if !citus {
            return Ok((0, None));
        }
        let (unguarded, disk) = tokio::try_join!(
            connection.row("looking at policies", UNGUARDED_SHARDS, &[]),
            connection.row("looking at the disk", DISK, &[])
        )?;
        Ok::<(i64, _), ClusterError>((unguarded.get(0), Some((disk.get(0), disk.get(1)))))
    };
    let (mut fitness, row, (unguarded_shards, disk), connections, blockers) = tokio::try_join!(
        preflight::check(connection),
        connection.row("looking inside", INSIDE, &[]),
        cluster_only,
        connections::look(connection),
        blockers::on(connection, address),
    )?;
    fitness.faults.retain(|fault| citus && !(watched && fault.contains("is not a superuser")));
    let unguarded = row.get::<_, i64>(5) + unguarded_shards;
    let must_change =
        !fitness.faults.is_empty() || (citus && (fitness.plugins.is_some() || fitness.commits_unsafely));
    let mut settings = fitness.faults;
    if fitness.commits_unsafely && citus {
        settings.push(
            "ALTER DATABASE … SET synchronous_commit = on, as moves lose acknowledged writes without it"
                .to_owned(),
        );
    }
    if let Some(plugins) = fitness.plugins.as_ref().filter(|_| citus) {
        settings
            .push(format!("ALTER SYSTEM SET output_plugin_libraries = {plugins}; SELECT pg_reload_conf();"));
    }
    if citus {
        settings.extend(fitness.advice);
    }
    Ok(NodeDetails {
        postgresql: fitness.postgresql,
        citus: if citus { fitness.citus.unwrap_or_default() } else { String::new() },
        connections,
        disk,
        blockers,
        idle_slots: (row.get(0), row.get(1)),
        waiting: row.get(2),
        long: row.get(3),
        undecided: row.get(4),
        unguarded,
        settings,
        must_change,
    })
}

/// The busiest of the last minute or two, as the web processes wrote them down.
async fn busy_tenants(coordinator: &NodeConnection, citus: bool) -> Result<Vec<BusyTenant>, ClusterError> {
    let (loads, homes) =
        tokio::try_join!(tenants::lately(coordinator, &[]), tenants::homes(coordinator, citus))?;
    let home = |tenant: i64| {
        homes.iter().find(|home| home.holds(tenant)).map_or_else(String::new, |home| home.node.clone())
    };
    let tenant = |load: &TenantLoad| BusyTenant {
        tenant: load.tenant.to_string(),
        node: home(load.tenant),
        statements: load.statements,
        seconds: load.seconds,
    };
    Ok(loads.iter().take(MOST_TENANTS).map(tenant).collect())
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
                      (SELECT count(*) FROM pg_dist_shard s
                      WHERE s.logicalrelid = t.logicalrelid), colocationid
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

async fn job(coordinator: &NodeConnection) -> Result<Option<JobState>, ClusterError> {
    let id = match jobs::running_job(coordinator).await? {
        Some(job) => Some(job.id),
        None => coordinator
            .row("looking at jobs", "SELECT max(job_id) FROM pg_dist_background_job", &[])
            .await?
            .get(0),
    };
    let Some(id) = id else { return Ok(None) };
    let sql = "SELECT state::text, description, started_at,
                      coalesce((SELECT string_agg(count || ' ' || status, ', ') FROM
                        (SELECT status::text, count(*) FROM pg_dist_background_task t
                        WHERE t.job_id = j.job_id GROUP BY 1) n), ''),
                      ARRAY(SELECT 'attempt ' || retry_count || ' failed, again at ' ||
                      coalesce(not_before::text, '?') || ': ' ||
                                   left(regexp_replace(coalesce(message, ''), '\\s+', ' ', 'g'), 200)
                            FROM pg_dist_background_task t
                            WHERE t.job_id = j.job_id AND retry_count > 0
                            AND status::text NOT IN ('done', 'cancelled', 'unscheduled')),
                      ARRAY(SELECT DISTINCT unnest(nodes_involved) FROM pg_dist_background_task t
                            WHERE t.job_id = j.job_id AND status::text IN ('blocked', 'runnable', 'running'))
               FROM pg_dist_background_job j WHERE job_id = $1";
    let row = coordinator.row("looking at the job", sql, &[&id]).await?;
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

/// What moves left behind on groups that no longer exist.
async fn orphans(coordinator: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let sql = "SELECT object_name FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid \
        FROM pg_dist_node) ORDER BY 1 LIMIT 20";
    let rows = coordinator.rows("looking for leftovers", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
