//! The state of one node, asked over a connection to it.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;
use crate::cluster::preflight::{self, PreflightReport};
use crate::cluster::{blockers, sizes};
use crate::monitor::connections;
use crate::monitor::nodes::{Answer, Nodes};
use crate::monitor::report::{NodeDetails, NodeState};

/// The parts of a node's answer that arrived in time.
pub(super) struct NodeAnswer {
    /// The time until its first answer.
    after: Duration,
    /// Why the rest is missing.
    error: Option<String>,
    details: Option<NodeDetails>,
    bytes: Option<i64>,
}

/// Asks a node for everything that it knows about itself. An error only when it does not answer at all.
pub(super) async fn ask(
    connection: &NodeConnection,
    node: &ClusterNode,
    citus: bool,
    nodes: &Nodes,
) -> Result<NodeAnswer, ClusterError> {
    let started = Instant::now();
    connection.run("asking", "SELECT 1").await?;
    let after = started.elapsed();
    let name = node.address.to_string();
    let (mut details, mut bytes) = (None, None);
    let rest = async {
        let details = async {
            details = Some(read_details(connection, &name, citus, nodes.is_read_only()).await?);
            Ok::<_, ClusterError>(())
        };
        let bytes = async {
            bytes = Some(measure(connection, citus).await?);
            Ok(())
        };
        tokio::try_join!(details, bytes)
    };
    // A node that has answered the first question and then takes too long is slow, and not down.
    let error = match tokio::time::timeout(nodes.timeout() * 3 / 4, rest).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("part of the answers did not come in time".to_owned()),
    };
    Ok(NodeAnswer { after, error, details, bytes })
}

/// The node's line of the report.
pub(super) fn state(answer: Answer<NodeAnswer>, shards: i64) -> NodeState {
    let node = answer.node;
    let millis = |after: Duration| u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    let (answered_ms, error, bytes, details) = match answer.result {
        Ok(answer) => (Some(millis(answer.after)), answer.error, answer.bytes, answer.details),
        Err(reason) => (None, Some(reason), None, None),
    };
    NodeState {
        address: node.address.to_string(),
        group: node.group,
        answered_ms,
        error,
        active: node.active,
        synced: node.synced,
        takes_shards: node.takes_shards,
        shards,
        bytes,
        details,
    }
}

/// The bytes of the node's shards, or of the whole database on plain PostgreSQL.
async fn measure(connection: &NodeConnection, citus: bool) -> Result<i64, ClusterError> {
    if citus {
        return Ok(sizes::of_node(connection).await?.iter().map(|(_, bytes)| bytes).sum());
    }
    let sql = "SELECT pg_database_size(current_database())";
    Ok(connection.row("measuring", sql, &[]).await?.get(0))
}

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM pg_replication_slots WHERE NOT active AND database = current_database()),
           (SELECT coalesce(max(pg_current_wal_lsn() - restart_lsn), 0)::bigint
            FROM pg_replication_slots WHERE NOT active),
           (SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND query_start < now() - interval '10 seconds'),
           (SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND xact_start < now() - interval '5 minutes'
              AND backend_type = 'client backend'),
           (SELECT count(*) FROM pg_prepared_xacts
            WHERE database = current_database() AND prepared < now() - interval '1 minute'),
           (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared')
              AND c.relname !~ '_[0-9]{6,}$'
              AND EXISTS (SELECT FROM pg_attribute a
                          WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
              AND (NOT c.relrowsecurity OR c.relforcerowsecurity
                   OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)))";
const UNGUARDED_SHARDS: &str = "
    SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
    JOIN pg_class shell ON shell.oid = s.logicalrelid
    JOIN pg_class c ON c.oid = to_regclass(shard_name(s.logicalrelid, s.shardid, false))
    WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)
      AND shell.relrowsecurity
      AND (NOT c.relrowsecurity OR c.relforcerowsecurity
           OR (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid)
              <> (SELECT count(*) FROM pg_policy WHERE polrelid = shell.oid))";
const DISK: &str = "SELECT available_disk_size, total_disk_size FROM citus_local_disk_space_stats()";

async fn read_details(
    connection: &NodeConnection,
    address: &str,
    citus: bool,
    read_only: bool,
) -> Result<NodeDetails, ClusterError> {
    let (mut report, counts, (unguarded_shards, disk), connections, blockers) = tokio::try_join!(
        preflight::check(connection),
        connection.row("looking inside", COUNTS, &[]),
        read_shards_and_disk(connection, citus),
        connections::count(connection),
        blockers::on(connection, address),
    )?;
    // The console's role is not a superuser and need not be one.
    report.faults.retain(|fault| citus && !(read_only && fault.contains("is not a superuser")));
    let must_change =
        !report.faults.is_empty() || (citus && (report.plugins.is_some() || report.commits_unsafely));
    let (postgresql, version) = (report.postgresql.clone(), report.citus.clone());
    let counts: &Row = &counts;
    Ok(NodeDetails {
        postgresql,
        citus: version.filter(|_| citus).unwrap_or_default(),
        connections,
        disk,
        blockers,
        idle_slots: (counts.get(0), counts.get(1)),
        waiting: counts.get(2),
        long: counts.get(3),
        undecided: counts.get(4),
        unguarded: counts.get::<_, i64>(5) + unguarded_shards,
        settings: settings(report, citus),
        must_change,
    })
}

/// The number of shards without row-level security, and the disk's free and total bytes.
async fn read_shards_and_disk(
    connection: &NodeConnection,
    citus: bool,
) -> Result<(i64, Option<(i64, i64)>), ClusterError> {
    if !citus {
        return Ok((0, None));
    }
    let (unguarded, disk) = tokio::try_join!(
        connection.row("looking at policies", UNGUARDED_SHARDS, &[]),
        connection.row("looking at the disk", DISK, &[])
    )?;
    Ok((unguarded.get(0), Some((disk.get(0), disk.get(1)))))
}

/// The lines of configuration that must or should change; none on plain PostgreSQL, which moves no shards.
fn settings(report: PreflightReport, citus: bool) -> Vec<String> {
    let mut settings = report.faults;
    if !citus {
        return settings;
    }
    if report.commits_unsafely {
        settings.push(
            "ALTER DATABASE … SET synchronous_commit = on, as moves lose acknowledged writes without it"
                .to_owned(),
        );
    }
    if let Some(plugins) = &report.plugins {
        settings
            .push(format!("ALTER SYSTEM SET output_plugin_libraries = {plugins}; SELECT pg_reload_conf();"));
    }
    settings.extend(report.advice);
    settings
}
