//! What is wrong with the cluster, each finding with what to do about it.

use super::groups;
use super::node::Node;
use super::report::{Inside, JobState, NodeState, Pin, Severity, Table, Verdict};

/// Judges everything that `status` collected, the worst first.
pub(super) fn judge(
    nodes: &[Node],
    states: &[NodeState],
    tables: &[Table],
    job: Option<&JobState>,
    local: &[String],
    orphans: &[String],
    pins: &[Pin],
) -> Vec<Verdict> {
    let mut found = Findings(Vec::new());
    for state in states {
        judge_node(&mut found, state);
        if let Some(inside) = &state.inside {
            judge_inside(&mut found, &state.address, inside);
        }
    }
    judge_versions(&mut found, states);
    if !nodes.iter().any(|node| node.group != 0) {
        found.warn("the cluster has no worker", "`pigeonhole cluster add-worker HOST:PORT`");
    }
    if let Some(job) = job {
        judge_job(&mut found, job, nodes, states);
    }
    if !local.is_empty() {
        found.warn(format!("on the coordinator alone: {}", local.join(", ")), "`pigeonhole cluster distribute`");
    }
    if let Some(table) = tables.iter().find(|table| table.kind == "local" && table.name.starts_with("shared.")) {
        found.warn(format!("{} is neither distributed nor a reference table", table.name), "`pigeonhole cluster distribute`");
    }
    if !orphans.is_empty() {
        found.warn(
            format!(
                "{} leftovers of moves belong to nodes that are gone, and block moves of these shards: {}",
                orphans.len(),
                orphans.join(", ")
            ),
            "on the coordinator: DELETE FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid FROM pg_dist_node);",
        );
    }
    for pin in pins {
        if !nodes.iter().any(|node| node.group == pin.group && node.takes_shards) {
            found.warn(
                format!("tenant {} is pinned to group {}, which takes no shards", pin.tenant, pin.group),
                format!("`pigeonhole cluster isolate-tenant {}` pins it anew", pin.tenant),
            );
        }
    }
    found.sorted()
}

struct Findings(Vec<Verdict>);

impl Findings {
    fn warn(&mut self, finding: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Verdict { severity: Severity::Warning, finding: finding.into(), cure: cure.into() });
    }

    fn down(&mut self, finding: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Verdict { severity: Severity::Down, finding: finding.into(), cure: cure.into() });
    }

    fn sorted(mut self) -> Vec<Verdict> {
        self.0.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
        if self.0.is_empty() {
            let finding = "every node answers, and nothing waits for an operator".to_owned();
            self.0.push(Verdict { severity: Severity::Fine, finding, cure: String::new() });
        }
        self.0
    }
}

fn judge_node(found: &mut Findings, state: &NodeState) {
    let address = &state.address;
    if state.answered_ms.is_none() {
        let reason = state.error.as_deref().unwrap_or("no answer");
        found.down(
            format!("{address} does not answer: {reason}"),
            format!("start or thaw that server; until then its {} shards answer 503 and nobody can sign up", state.shards),
        );
        return;
    }
    // Sizes that did not come in time are shown as unknown, and are no reason to wake anybody.
    if let (Some(error), None) = (&state.error, &state.inside) {
        found.warn(format!("{address} is slow or refuses part of the questions: {error}"), "look at its load, locks and disk");
    }
    if !state.active {
        found.down(format!("{address} is not active"), format!("`pigeonhole cluster add-worker {address}` activates it"));
    }
    if !state.synced {
        found.warn(
            format!("{address} does not know where all shards are"),
            "it is told again every few seconds; if this stays: SELECT start_metadata_sync_to_all_nodes();",
        );
    }
    if !state.takes_shards && state.group != 0 {
        found.warn(
            format!("{address} is drained or being drained, with {} shards left", state.shards),
            format!(
                "`pigeonhole cluster drain {address}` goes on, `drain --undo {address}` takes it back, `remove-worker {address}` ends it"
            ),
        );
    }
    if state.group > groups::LAST {
        found.warn(
            format!("{address} has group number {}, so its ids are above 2^53", state.group),
            "drain and remove it, and add it again with `pigeonhole cluster add-worker` as a new server",
        );
    }
}

fn judge_inside(found: &mut Findings, address: &str, inside: &Inside) {
    if inside.must_change {
        found.warn(format!("{address} has settings that make moves fail or lose writes"), inside.settings.join(" | "));
    }
    let connections = &inside.connections;
    if connections.are_too_many() {
        found.warn(
            format!("{address} has {} of {} connections open: {}", connections.open, connections.limit, connections.by_whom()),
            "lower POOL_SIZE (each web process may open as many to every worker) or the number of processes, or raise max_connections",
        );
    }
    let (free, total) = inside.disk;
    if free * 10 < total {
        let text = format!("{address} has {} GB of {} GB disk free", free >> 30, total >> 30);
        let cure = "enlarge the disk, or add a worker and rebalance; below 10 % Citus refuses moves to it";
        if free * 33 < total { found.down(text, cure) } else { found.warn(text, cure) }
    }
    for holdup in &inside.holdups {
        found.warn(holdup.finding(), holdup.cure());
    }
    let (slots, kept) = inside.idle_slots;
    if slots > 0 && kept > 1 << 30 {
        found.warn(
            format!("{address} keeps {} GB of log for {slots} replication slots that nobody reads", kept >> 30),
            "if no move runs: CALL citus_cleanup_orphaned_resources(); else wait for it",
        );
    }
    if inside.waiting > 0 {
        found.warn(
            format!("{address}: {} sessions have waited for a lock for over 10 s", inside.waiting),
            "SELECT * FROM citus_lock_waits;",
        );
    }
    if inside.unguarded > 0 {
        found.down(
            format!("{address}: {} shards lack the row-level security of their table", inside.unguarded),
            "stop serving; compare pg_policy of table and shard, and repeat the ALTER TABLE and CREATE POLICY on the coordinator",
        );
    }
}

fn judge_versions(found: &mut Findings, states: &[NodeState]) {
    let versions = |pick: fn(&Inside) -> &str| {
        let mut all: Vec<&str> = states.iter().filter_map(|state| state.inside.as_ref()).map(pick).collect();
        all.sort_unstable();
        all.dedup();
        all.join(", ")
    };
    for (what, list) in [("PostgreSQL", versions(|inside| &inside.postgresql)), ("Citus", versions(|inside| &inside.citus))] {
        if list.contains(", ") {
            found.warn(
                format!("the nodes run different versions of {what}: {list}"),
                "finish the upgrade: workers first, then the coordinator",
            );
        }
    }
}

fn judge_job(found: &mut Findings, job: &JobState, nodes: &[Node], states: &[NodeState]) {
    if job.state == "failed" {
        found.warn(
            format!(
                "job {} ({}) failed: {}",
                job.id,
                job.description,
                job.troubles.first().map_or("see pg_dist_background_task", String::as_str)
            ),
            "remove the cause, then `pigeonhole cluster rebalance` or `drain` again",
        );
        return;
    }
    if job.node_ids.is_empty() {
        return;
    }
    let dead: Vec<&str> = nodes
        .iter()
        .zip(states)
        .filter(|(node, state)| job.node_ids.contains(&node.id) && state.answered_ms.is_none())
        .map(|(_, state)| state.address.as_str())
        .collect();
    if !dead.is_empty() {
        found.down(
            format!("job {} is stuck, though Citus calls it {}: {} does not answer", job.id, job.state, dead.join(", ")),
            "bring the node back, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    } else if !job.troubles.is_empty() {
        found.warn(
            format!("job {} has {} moves that failed and are tried again: {}", job.id, job.troubles.len(), job.troubles[0]),
            "remove the cause, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    }
}
