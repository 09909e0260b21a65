//! What is right and what is wrong, a line for everything that was looked at; what is wrong with what to do
//! about it.

use super::nodes::NodeList;
use super::report::{CoordinatorState, JobState, NodeDetails, NodeState, Severity, Verdict};
use crate::cluster::groups;

/// Everything that a judgement is made of.
pub(super) struct HealthInput<'a> {
    pub(super) cluster: &'a NodeList,
    pub(super) states: &'a [NodeState],
    pub(super) central: &'a CoordinatorState,
    /// Why the coordinator did not say what only it knows.
    pub(super) unreachable_reason: Option<&'a str>,
}

/// Judges all of it, the worst first; every subject has a line.
pub(super) fn check(found: &HealthInput<'_>) -> Vec<Verdict> {
    let mut findings = Findings(Vec::new());
    for state in found.states {
        judge_node(&mut findings, state);
        if let Some(inside) = &state.inside {
            judge_inside(&mut findings, &state.address, inside);
        }
    }
    judge_versions(&mut findings, found.states);
    if found.cluster.citus {
        judge_cluster(&mut findings, found);
    }
    findings.add_healthy(found);
    findings.sorted()
}

struct Findings(Vec<Verdict>);

impl Findings {
    fn add(
        &mut self,
        severity: Severity,
        subject: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Verdict { subject, severity, finding: finding.into(), remedy: remedy.into() });
    }

    fn warn(&mut self, subject: &'static str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, subject, finding, remedy);
    }

    fn down(&mut self, subject: &'static str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Down, subject, finding, remedy);
    }

    /// A line for each subject of which nothing bad is known, and none for what nobody could see.
    fn add_healthy(&mut self, found: &HealthInput<'_>) {
        for (subject, text) in healthy(found) {
            if !self.0.iter().any(|verdict| verdict.subject == subject) {
                self.add(Severity::Fine, subject, text, "");
            }
        }
    }

    fn sorted(mut self) -> Vec<Verdict> {
        self.0.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
        self.0
    }
}

const NODES: &str = "Nodes";
const METADATA: &str = "Metadata";
const VERSIONS: &str = "Versions";
const LOG_LEVEL: &str = "Log level";
const PLUGINS: &str = "Output plugins";
const PROCESSES: &str = "Worker processes";
const SETTINGS: &str = "Settings";
const GROUPS: &str = "Group numbers";
const DISK: &str = "Disk";
const CONNECTIONS: &str = "Connections";
const TRANSACTIONS: &str = "Long transactions";
const LOCKS: &str = "Locks";
const PREPARED: &str = "Prepared transactions";
const SLOTS: &str = "Replication slots";
const LEFTOVERS: &str = "Leftovers of moves";
const POLICIES: &str = "Row-level security";
const TABLES: &str = "Tables";
const PINS: &str = "Pinned tenants";
const JOBS: &str = "Jobs";

/// What is said of each subject when nothing is wrong with it.
fn healthy(found: &HealthInput<'_>) -> Vec<(&'static str, String)> {
    let insides: Vec<&NodeDetails> = found.states.iter().filter_map(|state| state.inside.as_ref()).collect();
    let slowest = found.states.iter().filter_map(|state| state.answered_ms).max().unwrap_or_default();
    let mut lines = vec![(
        NODES,
        format!("{} of {} answer, the slowest in {slowest} ms", found.states.len(), found.states.len()),
    )];
    if insides.is_empty() {
        return lines;
    }
    let first = insides[0];
    let citus = if first.citus.is_empty() {
        "plain PostgreSQL, no Citus".to_owned()
    } else {
        format!("Citus {}", first.citus)
    };
    lines.push((VERSIONS, format!("PostgreSQL {}, {citus}", first.postgresql)));
    if let Some(fullest) =
        insides.iter().max_by_key(|inside| inside.connections.open * 1000 / inside.connections.limit.max(1))
    {
        lines.push((
            CONNECTIONS,
            format!("{} of {} open where most are", fullest.connections.open, fullest.connections.limit),
        ));
    }
    lines.push((TRANSACTIONS, "none is older than five minutes".to_owned()));
    lines.push((LOCKS, "nobody has waited for one for over 10 s".to_owned()));
    lines.push((PREPARED, "none has waited over a minute to be decided".to_owned()));
    let slots: i64 = insides.iter().map(|inside| inside.idle_slots.0).sum();
    lines.push((SLOTS, format!("{slots} that nobody reads, and they keep less than 1 GB of log")));
    lines.push((POLICIES, "in force on every table and every shard of tenants".to_owned()));
    if !found.cluster.citus {
        return lines;
    }
    lines.push((METADATA, "every node knows where all shards are".to_owned()));
    lines.push((LOG_LEVEL, "wal_level is logical, so shards move online".to_owned()));
    lines.push((PLUGINS, "moves and splits may decode the log".to_owned()));
    lines.push((PROCESSES, "max_worker_processes is enough for moves".to_owned()));
    lines.push((SETTINGS, "replication slots, senders and prepared transactions are enough".to_owned()));
    if let Some((free, total)) =
        insides.iter().filter_map(|inside| inside.disk).min_by_key(|(free, total)| free * 100 / total.max(&1))
    {
        lines.push((DISK, format!("{} % free on the fullest", free * 100 / total.max(1))));
    }
    if found.unreachable_reason.is_none() {
        let left = i64::from(groups::LAST) - found.central.groups;
        lines.push((GROUPS, format!("{left} of {} are left for new nodes", groups::LAST)));
        lines.push((LEFTOVERS, "none of nodes that are gone".to_owned()));
        lines.push((TABLES, "all are distributed or on every node".to_owned()));
        lines.push((PINS, format!("{}, each on a node that takes shards", found.central.pins.len())));
        let job = found
            .central
            .job
            .as_ref()
            .map_or_else(|| "none has run".to_owned(), |job| format!("job {} is {}", job.id, job.state));
        lines.push((JOBS, job));
    }
    lines
}

/// What to do about a node that refuses questions.
fn remedy_for(error: &str) -> &'static str {
    if error.contains("ALTER EXTENSION citus UPDATE") {
        "Citus was upgraded on that server and not yet in this database: ALTER EXTENSION citus UPDATE, \
         workers first"
    } else {
        "look at its load, locks and disk"
    }
}

fn judge_node(found: &mut Findings, state: &NodeState) {
    let address = &state.address;
    if state.answered_ms.is_none() {
        let reason = state.error.as_deref().unwrap_or("no answer");
        let remedy = match (state.group, state.shards) {
            (0, 0) => "start or thaw that server; until then nobody can sign up or log in, and who is \
                logged in goes on"
                .to_owned(),
            (_, 0) => "start or thaw that server; until then nobody can sign up, and tenants on it get \
                503"
            .to_owned(),
            (_, shards) => format!(
                "start or thaw that server; until then its {shards} shards answer 503 \
                and nobody can sign up"
            ),
        };
        found.down(NODES, format!("{address} does not answer: {reason}"), remedy);
        return;
    }
    // Sizes that did not come in time are shown as unknown, and are no reason to wake anybody.
    if let (Some(error), None) = (&state.error, &state.inside) {
        found.warn(
            NODES,
            format!("{address} is slow or refuses part of the questions: {error}"),
            remedy_for(error),
        );
    }
    if !state.active {
        found.down(
            NODES,
            format!("{address} is not active"),
            format!("`pigeonhole cluster add-worker {address}` activates it"),
        );
    }
    if !state.synced {
        found.warn(
            METADATA,
            format!("{address} does not know where all shards are"),
            "it is told again every few seconds; if this stays: SELECT start_metadata_sync_to_all_nodes();",
        );
    }
    if !state.takes_shards && state.group != 0 {
        found.warn(
            NODES,
            format!("{address} is drained or being drained, with {} shards left", state.shards),
            format!(
                "`pigeonhole cluster drain {address}` goes on, `drain --undo {address}` takes it back, \
                 `remove-worker {address}` ends it"
            ),
        );
    }
    if state.group > groups::LAST {
        found.warn(
            GROUPS,
            format!("{address} has group number {}, so its ids are above 2^53", state.group),
            "drain and remove it, and add it again with `pigeonhole cluster add-worker` as a new server",
        );
    }
}

fn judge_inside(found: &mut Findings, address: &str, inside: &NodeDetails) {
    judge_settings(found, address, inside);
    let connections = &inside.connections;
    if connections.near_limit() {
        found.warn(
            CONNECTIONS,
            format!(
                "{address} has {} of {} connections open: \
                {}",
                connections.open,
                connections.limit,
                connections.by_owner()
            ),
            "lower POOL_SIZE (each web process may open as many to every worker) or the number of \
             processes, or raise max_connections",
        );
    }
    if let Some((free, total)) = inside.disk.filter(|(free, total)| free * 10 < *total) {
        let text = format!("{address} has {} GB of {} GB disk free", free >> 30, total >> 30);
        let remedy = "enlarge the disk, or add a worker and rebalance; below 10 % Citus refuses moves to it";
        if free * 33 < total { found.down(DISK, text, remedy) } else { found.warn(DISK, text, remedy) }
    }
    for blocker in &inside.blockers {
        found.warn(
            if blocker.gid.is_some() { PREPARED } else { TRANSACTIONS },
            blocker.finding(),
            blocker.remedy(),
        );
    }
    // One that has changed something is named above, with its cure.
    if inside.long > 0 && !inside.blockers.iter().any(|blocker| blocker.gid.is_none()) {
        found.warn(
            TRANSACTIONS,
            format!("{address}: {} transactions have been open for over 5 minutes", inside.long),
            "see Activity for whose they are; rows that are deleted meanwhile cannot be cleaned up",
        );
    }
    if inside.undecided > 0 && !inside.blockers.iter().any(|blocker| blocker.gid.is_some()) {
        found.warn(
            PREPARED,
            format!(
                "{address}: {} prepared transactions have waited over a minute to be \
                decided",
                inside.undecided
            ),
            "they are decided when the node that began them is back; then \
             SELECT recover_prepared_transactions();",
        );
    }
    let (slots, kept) = inside.idle_slots;
    if slots > 0 && kept > 1 << 30 {
        found.warn(
            SLOTS,
            format!(
                "{address} keeps {} GB of log for {slots} replication slots that nobody reads",
                kept >> 30
            ),
            "if no move runs: CALL citus_cleanup_orphaned_resources(); else wait for it",
        );
    }
    if inside.waiting > 0 {
        found.warn(
            LOCKS,
            format!("{address}: {} sessions have waited for a lock for over 10 s", inside.waiting),
            "see Locks for who keeps them; on Citus: SELECT * FROM citus_lock_waits;",
        );
    }
    if inside.unguarded > 0 {
        found.down(
            POLICIES,
            format!(
                "{address}: {} tables or shards lack the row-level security of tenants' \
                tables",
                inside.unguarded
            ),
            "stop serving; compare pg_policy of table and shard, and repeat the ALTER TABLE and CREATE \
             POLICY on the coordinator",
        );
    }
}

/// Settings that make moves fail or lose writes, each under the subject that it belongs to.
fn judge_settings(found: &mut Findings, address: &str, inside: &NodeDetails) {
    if !inside.must_change {
        return;
    }
    let of = |setting: &String| match setting {
        setting if setting.starts_with("wal_level") => LOG_LEVEL,
        setting if setting.contains("output_plugin_libraries") => PLUGINS,
        setting if setting.starts_with("max_worker_processes") => PROCESSES,
        _ => SETTINGS,
    };
    for subject in [LOG_LEVEL, PLUGINS, PROCESSES, SETTINGS] {
        let lines: Vec<&str> =
            inside.settings.iter().filter(|setting| of(setting) == subject).map(String::as_str).collect();
        if !lines.is_empty() {
            found.warn(
                subject,
                format!("{address} has settings that make moves fail or lose writes"),
                lines.join(" | "),
            );
        }
    }
}

fn judge_versions(found: &mut Findings, states: &[NodeState]) {
    let versions = |pick: fn(&NodeDetails) -> &str| {
        let mut all: Vec<&str> = states.iter().filter_map(|state| state.inside.as_ref()).map(pick).collect();
        all.sort_unstable();
        all.dedup();
        all.join(", ")
    };
    for (what, list) in
        [("PostgreSQL", versions(|inside| &inside.postgresql)), ("Citus", versions(|inside| &inside.citus))]
    {
        if list.contains(", ") {
            found.warn(
                VERSIONS,
                format!("the nodes run different versions of {what}: {list}"),
                "finish the upgrade: workers first, then the coordinator",
            );
        }
    }
}

fn judge_cluster(found: &mut Findings, all: &HealthInput<'_>) {
    let (nodes, central) = (&all.cluster.nodes, all.central);
    if let Some(reason) = all.unreachable_reason {
        if all.states.iter().all(|state| state.group != 0 || state.answered_ms.is_some()) {
            found.warn(
                NODES,
                format!("the coordinator did not say everything: {reason}"),
                remedy_for(reason),
            );
        }
        return;
    }
    if !nodes.iter().any(|node| node.group != 0) {
        found.warn(NODES, "the cluster has no worker", "`pigeonhole cluster add-worker HOST:PORT`");
    }
    if let Some(job) = &central.job {
        judge_job(found, job, all);
    }
    if !central.local.is_empty() {
        found.warn(
            TABLES,
            format!("on the coordinator alone: {}", central.local.join(", ")),
            "`pigeonhole cluster distribute`",
        );
    }
    if let Some(table) =
        central.tables.iter().find(|table| table.kind == "local" && table.name.starts_with("shared."))
    {
        found.warn(
            TABLES,
            format!("{} is neither distributed nor a reference table", table.name),
            "`pigeonhole cluster distribute`",
        );
    }
    if !central.orphans.is_empty() {
        found.warn(
            LEFTOVERS,
            format!(
                "{} leftovers of moves belong to nodes that are gone, and block moves of these shards: {}",
                central.orphans.len(),
                central.orphans.join(", ")
            ),
            "on the coordinator: DELETE FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid \
             FROM pg_dist_node);",
        );
    }
    for pin in &central.pins {
        if !nodes.iter().any(|node| node.group == pin.group && node.takes_shards) {
            found.warn(
                PINS,
                format!("tenant {} is pinned to group {}, which takes no shards", pin.tenant, pin.group),
                format!("`pigeonhole cluster isolate-tenant {}` pins it anew", pin.tenant),
            );
        }
    }
    let left = i64::from(groups::LAST) - central.groups;
    if left < 4 {
        found.warn(
            GROUPS,
            format!("{left} of {} are left: every node that was ever added has taken one", groups::LAST),
            "repair servers in place of replacing them; a node with a number above that gives out ids that \
             scripts cannot hold",
        );
    }
}

fn judge_job(found: &mut Findings, job: &JobState, all: &HealthInput<'_>) {
    if job.state == "failed" {
        found.warn(
            JOBS,
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
    let silent = |node: i32| {
        let node = all.cluster.nodes.iter().find(|known| known.id == node)?;
        let state = all.states.iter().find(|state| state.group == node.group)?;
        state.answered_ms.is_none().then_some(state.address.as_str())
    };
    let dead: Vec<&str> = job.node_ids.iter().filter_map(|node| silent(*node)).collect();
    if !dead.is_empty() {
        found.down(
            JOBS,
            format!(
                "job {} is stuck, though Citus calls it {}: {} does not answer",
                job.id,
                job.state,
                dead.join(", ")
            ),
            "bring the node back, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    } else if !job.troubles.is_empty() {
        found.warn(
            JOBS,
            format!(
                "job {} has {} moves that failed and are tried again: {}",
                job.id,
                job.troubles.len(),
                job.troubles[0]
            ),
            "remove the cause, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    }
}
