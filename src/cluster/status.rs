//! What the cluster looks like now. Every node is asked over a connection of its own, at the same time, and who does not
//! answer in time is shown as such; nothing here waits for a node that is dead or frozen.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio_postgres::Config;

use super::connections;
use super::error::ClusterError;
use super::events;
use super::holdups;
use super::node::{self, NODE_PATIENCE, Node};
use super::report::{Inside, JobState, NodeState, Pin, Report, Severity, Table, Tenant};
use super::session::Session;
use super::verdicts;
use super::{distribute, jobs, preflight, sizes};

/// Looks at everything. The coordinator that does not answer is an error; anything else is a verdict.
///
/// # Errors
/// When the coordinator does not answer or is no Citus coordinator.
pub async fn report(config: &Config) -> Result<Report, ClusterError> {
    let coordinator = bounded("asking the coordinator", Session::coordinator(config)).await?;
    bounded("asking the coordinator", coordinator.require_cluster()).await?;
    let nodes = bounded("listing the nodes", node::list(&coordinator)).await?;
    let asked = futures_util::future::join_all(nodes.iter().map(|node| ask(config, node)));
    let central = async {
        let tables = bounded("listing the tables", tables(&coordinator)).await?;
        let counts = bounded("counting shards", shard_counts(&coordinator)).await?;
        let job = bounded("looking at jobs", job(&coordinator)).await?;
        let pins = bounded("listing pins", pins(&coordinator)).await?;
        let local = bounded("listing tables", distribute::undistributed(&coordinator)).await?;
        let orphans = bounded("looking for leftovers", orphans(&coordinator)).await?;
        let _ = bounded("closing events", events::settle_jobs(&coordinator)).await;
        let events = bounded("reading events", events::latest(&coordinator, 5)).await?;
        Ok::<_, ClusterError>((tables, counts, job, pins, local, orphans, events))
    };
    // Asked one after the other, so they have a clock together too.
    let central = async {
        let silent = |_| ClusterError::Silent { what: "asking the coordinator".to_owned(), patience: NODE_PATIENCE * 2 };
        tokio::time::timeout(NODE_PATIENCE * 2, central).await.map_err(silent)?
    };
    let (answers, central) = futures_util::future::join(asked, central).await;
    let (tables, counts, job, pins, local, orphans, events) = central?;
    let mut tenants = Vec::new();
    let mut states = Vec::new();
    for (node, answer) in nodes.iter().zip(answers) {
        let shards = counts.iter().find(|(group, _)| *group == node.group).map_or(0, |(_, count)| *count);
        let (mut state, busy) = answer.into_state(node);
        state.shards = shards;
        states.push(state);
        tenants.extend(busy);
    }
    tenants.sort_by(|a: &Tenant, b: &Tenant| b.cpu_seconds.total_cmp(&a.cpu_seconds));
    tenants.truncate(10);
    let local: Vec<String> = local.into_iter().map(|table| table.name).collect();
    let verdicts = verdicts::judge(&nodes, &states, &tables, job.as_ref(), &local, &orphans, &pins);
    let severity = verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Severity::Fine);
    Ok(Report { at: Utc::now(), severity, verdicts, nodes: states, tables, job, tenants, pins, events })
}

async fn bounded<T>(what: &str, work: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
    match tokio::time::timeout(NODE_PATIENCE, work).await {
        Ok(result) => result,
        Err(_) => Err(ClusterError::Silent { what: what.to_owned(), patience: NODE_PATIENCE }),
    }
}

/// What a node said in time, part by part.
struct Answer {
    after: Option<Duration>,
    error: Option<String>,
    inside: Option<Inside>,
    bytes: Option<i64>,
    tenants: Vec<Tenant>,
}

impl Answer {
    fn into_state(self, node: &Node) -> (NodeState, Vec<Tenant>) {
        let state = NodeState {
            address: node.address.to_string(),
            group: node.group,
            answered_ms: self.after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            error: self.error,
            active: node.active,
            synced: node.synced,
            takes_shards: node.takes_shards,
            shards: 0,
            bytes: self.bytes,
            inside: self.inside,
        };
        (state, self.tenants)
    }
}

async fn ask(config: &Config, node: &Node) -> Answer {
    let mut answer = Answer { after: None, error: None, inside: None, bytes: None, tenants: Vec::new() };
    let asking = async {
        let started = Instant::now();
        let session = if node.group == 0 { Session::coordinator(config).await? } else { Session::node(config, &node.address).await? };
        session.run("asking", "SELECT 1").await?;
        answer.after = Some(started.elapsed());
        answer.inside = Some(inside(&session, &node.address.to_string()).await?);
        let own = sizes::of_node(&session).await?;
        answer.bytes = Some(own.iter().map(|(_, bytes)| bytes).sum());
        answer.tenants = busy_tenants(&session, node).await?;
        Ok::<_, ClusterError>(())
    };
    let ended = tokio::time::timeout(NODE_PATIENCE, asking).await;
    answer.error = match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", NODE_PATIENCE.as_secs_f32())),
    };
    answer
}

const INSIDE: &str = "
    SELECT d.available_disk_size, d.total_disk_size,
           (SELECT count(*) FROM pg_replication_slots WHERE NOT active AND database = current_database()),
           (SELECT coalesce(max(pg_current_wal_lsn() - restart_lsn), 0)::bigint FROM pg_replication_slots WHERE NOT active),
           (SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query_start < now() - interval '10 seconds'),
           (SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
            JOIN pg_class shell ON shell.oid = s.logicalrelid
            JOIN pg_class c ON c.oid = to_regclass(shard_name(s.logicalrelid, s.shardid, false))
            WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)
              AND shell.relrowsecurity AND (NOT c.relrowsecurity OR c.relforcerowsecurity
                OR (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) <> (SELECT count(*) FROM pg_policy WHERE polrelid = shell.oid)))
    FROM citus_local_disk_space_stats() d";

async fn inside(session: &Session, address: &str) -> Result<Inside, ClusterError> {
    let fitness = preflight::look(session).await?;
    let row = session.row("looking inside", INSIDE, &[]).await?;
    let must_change = !fitness.faults.is_empty() || fitness.plugins.is_some() || fitness.careless;
    let mut settings = fitness.faults;
    if fitness.careless {
        settings.push("ALTER DATABASE … SET synchronous_commit = on, as moves lose acknowledged writes without it".to_owned());
    }
    if let Some(plugins) = &fitness.plugins {
        settings.push(format!("ALTER SYSTEM SET output_plugin_libraries = {plugins}; SELECT pg_reload_conf();"));
    }
    settings.extend(fitness.advice);
    Ok(Inside {
        postgresql: fitness.postgresql,
        citus: fitness.citus.unwrap_or_default(),
        connections: connections::look(session).await?,
        disk: (row.get(0), row.get(1)),
        holdups: holdups::on(session, address).await?,
        idle_slots: (row.get(2), row.get(3)),
        waiting: row.get(4),
        unguarded: row.get(5),
        settings,
        must_change,
    })
}

async fn busy_tenants(session: &Session, node: &Node) -> Result<Vec<Tenant>, ClusterError> {
    let sql = "SELECT tenant_attribute, sum(query_count_in_this_period + query_count_in_last_period)::bigint,
                      sum(cpu_usage_in_this_period + cpu_usage_in_last_period)::float8
               FROM citus_stat_tenants_local()
               WHERE colocation_id = (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = to_regclass('shared.users'))
               GROUP BY 1 ORDER BY 3 DESC LIMIT 10";
    let rows = session.rows("looking at tenants", sql, &[]).await?;
    let here = node.address.to_string();
    Ok(rows.iter().map(|row| Tenant { tenant: row.get(0), node: here.clone(), queries: row.get(1), cpu_seconds: row.get(2) }).collect())
}

async fn tables(coordinator: &Session) -> Result<Vec<Table>, ClusterError> {
    let sql = "SELECT logicalrelid::text,
                      CASE WHEN partmethod = 'h' THEN 'distributed' WHEN repmodel = 't' THEN 'reference' ELSE 'local' END,
                      coalesce(column_to_column_name(logicalrelid, partkey), ''),
                      (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = t.logicalrelid), colocationid
               FROM pg_dist_partition t ORDER BY colocationid, 1";
    let rows = coordinator.rows("listing the tables", sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Table { name: row.get(0), kind: row.get(1), column: row.get(2), shards: row.get(3), colocation: row.get(4) })
        .collect())
}

async fn shard_counts(coordinator: &Session) -> Result<Vec<(i32, i64)>, ClusterError> {
    let sql = "SELECT p.groupid, count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
               JOIN pg_dist_partition t USING (logicalrelid) WHERE t.partmethod = 'h' GROUP BY 1";
    let rows = coordinator.rows("counting shards", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn job(coordinator: &Session) -> Result<Option<JobState>, ClusterError> {
    let id = match jobs::running(coordinator).await? {
        Some(job) => Some(job.id),
        None => coordinator.row("looking at jobs", "SELECT max(job_id) FROM pg_dist_background_job", &[]).await?.get(0),
    };
    let Some(id) = id else { return Ok(None) };
    let sql = "SELECT state::text, description, started_at,
                      coalesce((SELECT string_agg(count || ' ' || status, ', ') FROM
                        (SELECT status::text, count(*) FROM pg_dist_background_task t WHERE t.job_id = j.job_id GROUP BY 1) n), ''),
                      ARRAY(SELECT 'attempt ' || retry_count || ' failed, again at ' || coalesce(not_before::text, '?') || ': ' ||
                                   left(regexp_replace(coalesce(message, ''), '\\s+', ' ', 'g'), 200)
                            FROM pg_dist_background_task t
                            WHERE t.job_id = j.job_id AND retry_count > 0 AND status::text NOT IN ('done', 'cancelled', 'unscheduled')),
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

async fn pins(coordinator: &Session) -> Result<Vec<Pin>, ClusterError> {
    let sql = "SELECT tenant, groupid, alone FROM operator.pins ORDER BY tenant";
    let rows = coordinator.rows("listing pins", sql, &[]).await?;
    Ok(rows.iter().map(|row| Pin { tenant: row.get(0), group: row.get(1), alone: row.get(2) }).collect())
}

/// What moves left behind on groups that no longer exist.
async fn orphans(coordinator: &Session) -> Result<Vec<String>, ClusterError> {
    let sql = "SELECT object_name FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid FROM pg_dist_node) ORDER BY 1 LIMIT 20";
    let rows = coordinator.rows("looking for leftovers", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
