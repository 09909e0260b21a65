//! Checks of the cluster as a whole: of what only the coordinator knows.

use super::findings::{Findings, GROUPS, HealthInput, JOBS, LEFTOVERS, NODES, PINS, TABLES, remedy_for};
use crate::cluster::groups;
use crate::monitor::report::{CoordinatorState, JobState};

/// Checks tables, leftovers, pins, group numbers and the job.
pub(super) fn check(findings: &mut Findings, input: &HealthInput<'_>) {
    if let Some(reason) = input.unreachable_reason {
        // The check of the nodes reports a coordinator that is down.
        if input.states.iter().all(|state| state.group != 0 || state.answered_ms.is_some()) {
            findings.warn(
                NODES,
                format!("the coordinator did not answer all questions: {reason}"),
                remedy_for(reason),
            );
        }
        return;
    }
    if !input.cluster.nodes.iter().any(|node| node.group != 0) {
        findings.warn(NODES, "the cluster has no worker", "`pigeonhole cluster add-worker HOST:PORT`");
    }
    if let Some(job) = &input.coordinator.job {
        check_job(findings, job, input);
    }
    check_tables(findings, input.coordinator);
    check_leftovers(findings, input.coordinator);
    check_pins(findings, input);
    check_groups(findings, input.coordinator);
}

fn check_job(findings: &mut Findings, job: &JobState, input: &HealthInput<'_>) {
    if job.state == "failed" {
        let reason = job.troubles.first().map_or("see pg_dist_background_task", String::as_str);
        findings.warn(
            JOBS,
            format!("job {} ({}) failed: {reason}", job.id, job.description),
            "remove the cause, then `pigeonhole cluster rebalance` or `drain` again",
        );
        return;
    }
    if job.node_ids.is_empty() {
        return;
    }
    let unreachable = unreachable_nodes(job, input).join(", ");
    if !unreachable.is_empty() {
        findings.down(
            JOBS,
            format!(
                "job {} is stuck, though Citus calls it {}: {unreachable} does not answer",
                job.id, job.state
            ),
            "bring the node back, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    } else if let Some(first) = job.troubles.first() {
        let count = job.troubles.len();
        findings.warn(
            JOBS,
            format!("job {} has {count} moves that failed and are tried again: {first}", job.id),
            "remove the cause, and the job goes on by itself; or `pigeonhole cluster stop`",
        );
    }
}

/// Nodes of the job's unfinished moves that do not answer.
fn unreachable_nodes<'a>(job: &JobState, input: &HealthInput<'a>) -> Vec<&'a str> {
    let unreachable = |id: &i32| {
        let node = input.cluster.nodes.iter().find(|node| node.id == *id)?;
        let state = input.states.iter().find(|state| state.group == node.group)?;
        state.answered_ms.is_none().then_some(state.address.as_str())
    };
    job.node_ids.iter().filter_map(unreachable).collect()
}

fn check_tables(findings: &mut Findings, coordinator: &CoordinatorState) {
    if !coordinator.local.is_empty() {
        findings.warn(
            TABLES,
            format!("on the coordinator alone: {}", coordinator.local.join(", ")),
            "`pigeonhole cluster distribute`",
        );
    }
    let mut tables = coordinator.tables.iter();
    if let Some(table) = tables.find(|table| table.kind == "local" && table.name.starts_with("shared.")) {
        findings.warn(
            TABLES,
            format!("{} is neither distributed nor a reference table", table.name),
            "`pigeonhole cluster distribute`",
        );
    }
}

fn check_leftovers(findings: &mut Findings, coordinator: &CoordinatorState) {
    if !coordinator.orphans.is_empty() {
        findings.warn(
            LEFTOVERS,
            format!(
                "{} leftovers of moves belong to nodes that are gone, and block moves of these shards: {}",
                coordinator.orphans.len(),
                coordinator.orphans.join(", ")
            ),
            "on the coordinator: DELETE FROM pg_dist_cleanup WHERE node_group_id NOT IN (SELECT groupid \
             FROM pg_dist_node);",
        );
    }
}

fn check_pins(findings: &mut Findings, input: &HealthInput<'_>) {
    for pin in &input.coordinator.pins {
        if !input.cluster.nodes.iter().any(|node| node.group == pin.group && node.takes_shards) {
            findings.warn(
                PINS,
                format!("tenant {} is pinned to group {}, which takes no shards", pin.tenant, pin.group),
                format!("`pigeonhole cluster isolate-tenant {}` pins it again", pin.tenant),
            );
        }
    }
}

fn check_groups(findings: &mut Findings, coordinator: &CoordinatorState) {
    let left = i64::from(groups::LAST) - coordinator.groups;
    if left < 4 {
        findings.warn(
            GROUPS,
            format!("{left} of {} are left: every node that was ever added has taken one", groups::LAST),
            "repair servers in place of replacing them; a node with a number above that gives out ids that \
             scripts cannot hold",
        );
    }
}
