//! Checks of each node.

use super::findings::{
    CONNECTIONS, DISK, Findings, GROUPS, LOCKS, LOG_LEVEL, METADATA, NODES, PLUGINS, POLICIES, PREPARED,
    PROCESSES, SETTINGS, SLOTS, TRANSACTIONS, VERSIONS, remedy_for,
};
use crate::cluster::groups;
use crate::monitor::report::{NodeDetails, NodeState};

/// Checks whether the node answers, and its entry in pg_dist_node.
pub(super) fn check(findings: &mut Findings, state: &NodeState) {
    let address = &state.address;
    if state.answered_ms.is_none() {
        let reason = state.error.as_deref().unwrap_or("no answer");
        findings.down(NODES, format!("{address} does not answer: {reason}"), remedy_for_down(state));
        return;
    }
    // Missing sizes alone are shown as unknown, and are no reason for a warning.
    if let (Some(error), None) = (&state.error, &state.details) {
        findings.warn(
            NODES,
            format!("{address} is slow or refuses part of the questions: {error}"),
            remedy_for(error),
        );
    }
    if !state.active {
        findings.down(
            NODES,
            format!("{address} is not active"),
            format!("`pigeonhole cluster add-worker {address}` activates it"),
        );
    }
    if !state.synced {
        findings.warn(
            METADATA,
            format!("{address} does not know where all shards are"),
            "Citus repeats this every few seconds; if it stays: SELECT start_metadata_sync_to_all_nodes();",
        );
    }
    check_placement(findings, state);
}

fn remedy_for_down(state: &NodeState) -> String {
    match (state.group, state.shards) {
        (0, 0) => "start or thaw that server; until then users can neither sign up nor log in, and users \
            who are logged in can go on"
            .to_owned(),
        (_, 0) => {
            "start or thaw that server; until then no user can sign up, and tenants on it get 503".to_owned()
        }
        (_, shards) => format!(
            "start or thaw that server; until then its {shards} shards answer 503 and no user can sign up"
        ),
    }
}

fn check_placement(findings: &mut Findings, state: &NodeState) {
    let address = &state.address;
    if !state.takes_shards && state.group != 0 {
        findings.warn(
            NODES,
            format!("{address} is drained or being drained, with {} shards left", state.shards),
            format!(
                "`pigeonhole cluster drain {address}` goes on, `drain --undo {address}` takes it back, \
                 `remove-worker {address}` ends it"
            ),
        );
    }
    if state.group > groups::LAST {
        findings.warn(
            GROUPS,
            format!("{address} has group number {}, so its ids are above 2^53", state.group),
            "drain and remove it, and add it again with `pigeonhole cluster add-worker` as a new server",
        );
    }
}

/// Checks what the node reported about itself.
pub(super) fn check_details(findings: &mut Findings, address: &str, node: &NodeDetails) {
    check_settings(findings, address, node);
    check_connections(findings, address, node);
    check_disk(findings, address, node);
    check_transactions(findings, address, node);
    check_slots_and_locks(findings, address, node);
    if node.unguarded > 0 {
        findings.down(
            POLICIES,
            format!(
                "{address}: {} tables or shards lack the row-level security of tenants' tables",
                node.unguarded
            ),
            "stop serving; compare pg_policy of table and shard, and repeat the ALTER TABLE and CREATE \
             POLICY on the coordinator",
        );
    }
}

/// Settings that make moves fail or lose writes, each under its own subject.
fn check_settings(findings: &mut Findings, address: &str, node: &NodeDetails) {
    if !node.must_change {
        return;
    }
    let subject_of = |setting: &String| match setting {
        setting if setting.starts_with("wal_level") => LOG_LEVEL,
        setting if setting.contains("output_plugin_libraries") => PLUGINS,
        setting if setting.starts_with("max_worker_processes") => PROCESSES,
        _ => SETTINGS,
    };
    for subject in [LOG_LEVEL, PLUGINS, PROCESSES, SETTINGS] {
        let lines: Vec<&str> = node
            .settings
            .iter()
            .filter(|setting| subject_of(setting) == subject)
            .map(String::as_str)
            .collect();
        if !lines.is_empty() {
            findings.warn(
                subject,
                format!("{address} has settings that make moves fail or lose writes"),
                lines.join(" | "),
            );
        }
    }
}

fn check_connections(findings: &mut Findings, address: &str, node: &NodeDetails) {
    let connections = &node.connections;
    if connections.near_limit() {
        let (open, limit, owners) = (connections.open, connections.limit, connections.by_owner());
        findings.warn(
            CONNECTIONS,
            format!("{address} has {open} of {limit} connections open: {owners}"),
            "lower POOL_SIZE (each web process may open as many to every worker) or the number of \
             processes, or raise max_connections",
        );
    }
}

fn check_disk(findings: &mut Findings, address: &str, node: &NodeDetails) {
    if let Some((free, total)) = node.disk.filter(|(free, total)| free * 10 < *total) {
        let text = format!("{address} has {} GB of {} GB disk free", free >> 30, total >> 30);
        let remedy = "enlarge the disk, or add a worker and rebalance; below 10 % Citus refuses moves to it";
        if free * 33 < total {
            findings.down(DISK, text, remedy);
        } else {
            findings.warn(DISK, text, remedy);
        }
    }
}

fn check_transactions(findings: &mut Findings, address: &str, node: &NodeDetails) {
    for blocker in &node.blockers {
        let subject = if blocker.gid.is_some() { PREPARED } else { TRANSACTIONS };
        findings.warn(subject, blocker.finding(), blocker.remedy());
    }
    // A blocker is one of the counted transactions, and its verdict says more than the count.
    if node.long > 0 && !node.blockers.iter().any(|blocker| blocker.gid.is_none()) {
        findings.warn(
            TRANSACTIONS,
            format!("{address}: {} transactions have been open for over 5 minutes", node.long),
            "see Activity for their sessions; rows that are deleted meanwhile cannot be cleaned up",
        );
    }
    if node.undecided > 0 && !node.blockers.iter().any(|blocker| blocker.gid.is_some()) {
        findings.warn(
            PREPARED,
            format!(
                "{address}: {} prepared transactions have waited over a minute to be decided",
                node.undecided
            ),
            "they are decided when the node that began them is back; then \
             SELECT recover_prepared_transactions();",
        );
    }
}

fn check_slots_and_locks(findings: &mut Findings, address: &str, node: &NodeDetails) {
    let (slots, kept) = node.idle_slots;
    if slots > 0 && kept > 1 << 30 {
        findings.warn(
            SLOTS,
            format!("{address} keeps {} GB of log for {slots} inactive replication slots", kept >> 30),
            "if no move runs: CALL citus_cleanup_orphaned_resources(); else wait for it",
        );
    }
    if node.waiting > 0 {
        findings.warn(
            LOCKS,
            format!("{address}: {} sessions have waited for a lock for over 10 s", node.waiting),
            "see Activity for the sessions that hold them; on Citus: SELECT * FROM citus_lock_waits;",
        );
    }
}

/// Warns when the nodes run different versions.
pub(super) fn check_versions(findings: &mut Findings, states: &[NodeState]) {
    let versions = |pick: fn(&NodeDetails) -> &str| {
        let mut all: Vec<&str> = states.iter().filter_map(|state| state.details.as_ref()).map(pick).collect();
        all.sort_unstable();
        all.dedup();
        all.join(", ")
    };
    for (what, list) in
        [("PostgreSQL", versions(|node| &node.postgresql)), ("Citus", versions(|node| &node.citus))]
    {
        if list.contains(", ") {
            findings.warn(
                VERSIONS,
                format!("the nodes run different versions of {what}: {list}"),
                "finish the upgrade: workers first, then the coordinator",
            );
        }
    }
}
