//! What the operator reads about a subject with which nothing is wrong.

use super::findings::{
    CONNECTIONS, DISK, GROUPS, HealthInput, JOBS, LEFTOVERS, LOCKS, LOG_LEVEL, METADATA, NODES, PINS,
    PLUGINS, POLICIES, PREPARED, PROCESSES, SETTINGS, SLOTS, TABLES, TRANSACTIONS, VERSIONS,
};
use crate::cluster::groups;
use crate::monitor::report::NodeDetails;

type HealthyLine = (&'static str, String);

/// A line for each subject that could be checked; none for what no node answered.
pub(super) fn lines(input: &HealthInput<'_>) -> Vec<HealthyLine> {
    let count = input.states.len();
    let slowest = input.states.iter().filter_map(|state| state.answered_ms).max().unwrap_or_default();
    let mut lines = vec![(NODES, format!("{count} of {count} answer, the slowest in {slowest} ms"))];
    let details: Vec<&NodeDetails> = input.states.iter().filter_map(|state| state.details.as_ref()).collect();
    if let Some(first) = details.first() {
        lines.push((VERSIONS, versions(first)));
        lines.extend(of_nodes(&details));
        if input.cluster.citus {
            lines.extend(of_cluster_settings(&details));
            if input.unreachable_reason.is_none() {
                lines.extend(of_coordinator(input));
            }
        }
    }
    lines
}

fn versions(node: &NodeDetails) -> String {
    let citus = if node.citus.is_empty() {
        "plain PostgreSQL, no Citus".to_owned()
    } else {
        format!("Citus {}", node.citus)
    };
    format!("PostgreSQL {}, {citus}", node.postgresql)
}

fn of_nodes(details: &[&NodeDetails]) -> Vec<HealthyLine> {
    let mut lines = Vec::new();
    let connections = details.iter().map(|node| &node.connections);
    if let Some(fullest) = connections.max_by_key(|count| count.open * 1000 / count.limit.max(1)) {
        lines.push((CONNECTIONS, format!("{} of {} open where most are", fullest.open, fullest.limit)));
    }
    let slots: i64 = details.iter().map(|node| node.idle_slots.0).sum();
    lines.extend([
        (TRANSACTIONS, "none is older than five minutes".to_owned()),
        (LOCKS, "no session has waited for one for over 10 s".to_owned()),
        (PREPARED, "none has waited over a minute to be decided".to_owned()),
        (SLOTS, format!("{slots} inactive, and they keep less than 1 GB of log")),
        (POLICIES, "in force on every table and every shard of tenants".to_owned()),
    ]);
    lines
}

fn of_cluster_settings(details: &[&NodeDetails]) -> Vec<HealthyLine> {
    let mut lines = vec![
        (METADATA, "every node knows where all shards are".to_owned()),
        (LOG_LEVEL, "wal_level is logical, so shards move online".to_owned()),
        (PLUGINS, "moves and splits may decode the log".to_owned()),
        (PROCESSES, "max_worker_processes is enough for moves".to_owned()),
        (SETTINGS, "replication slots, senders and prepared transactions are enough".to_owned()),
    ];
    let disks = details.iter().filter_map(|node| node.disk);
    if let Some((free, total)) = disks.min_by_key(|(free, total)| free * 100 / total.max(&1)) {
        lines.push((DISK, format!("{} % free on the fullest", free * 100 / total.max(1))));
    }
    lines
}

fn of_coordinator(input: &HealthInput<'_>) -> Vec<HealthyLine> {
    let coordinator = input.coordinator;
    let left = i64::from(groups::LAST) - coordinator.groups;
    let job = match &coordinator.job {
        Some(job) => format!("job {} is {}", job.id, job.state),
        None => "none has run".to_owned(),
    };
    vec![
        (GROUPS, format!("{left} of {} are left for new nodes", groups::LAST)),
        (LEFTOVERS, "none of nodes that are gone".to_owned()),
        (TABLES, "all are distributed or on every node".to_owned()),
        (PINS, format!("{}, each on a node that takes shards", coordinator.pins.len())),
        (JOBS, job),
    ]
}
