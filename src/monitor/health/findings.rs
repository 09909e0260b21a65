//! The input of the checks, their subjects, and the list that they add to.

use crate::monitor::nodes::NodeList;
use crate::monitor::report::{CoordinatorState, NodeState, Severity, Verdict};

/// Everything that the checks read.
pub(in crate::monitor) struct HealthInput<'a> {
    pub cluster: &'a NodeList,
    pub states: &'a [NodeState],
    pub coordinator: &'a CoordinatorState,
    /// Why `coordinator` is empty, if the coordinator did not answer.
    pub unreachable_reason: Option<&'a str>,
}

/// The subjects, as the operator reads them.
pub(super) const NODES: &str = "Nodes";
pub(super) const METADATA: &str = "Metadata";
pub(super) const VERSIONS: &str = "Versions";
pub(super) const LOG_LEVEL: &str = "Log level";
pub(super) const PLUGINS: &str = "Output plugins";
pub(super) const PROCESSES: &str = "Worker processes";
pub(super) const SETTINGS: &str = "Settings";
pub(super) const GROUPS: &str = "Group numbers";
pub(super) const DISK: &str = "Disk";
pub(super) const CONNECTIONS: &str = "Connections";
pub(super) const TRANSACTIONS: &str = "Long transactions";
pub(super) const LOCKS: &str = "Locks";
pub(super) const PREPARED: &str = "Prepared transactions";
pub(super) const SLOTS: &str = "Replication slots";
pub(super) const LEFTOVERS: &str = "Leftovers of moves";
pub(super) const POLICIES: &str = "Row-level security";
pub(super) const TABLES: &str = "Tables";
pub(super) const PINS: &str = "Pinned tenants";
pub(super) const JOBS: &str = "Jobs";

/// A list of verdicts.
#[derive(Default)]
pub(super) struct Findings(Vec<Verdict>);

impl Findings {
    pub(super) fn warn(
        &mut self,
        subject: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Warning, subject, finding, remedy);
    }

    pub(super) fn down(
        &mut self,
        subject: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Down, subject, finding, remedy);
    }

    /// Adds the lines of all subjects that have no verdict yet.
    pub(super) fn add_healthy(&mut self, lines: Vec<(&'static str, String)>) {
        for (subject, text) in lines {
            if !self.0.iter().any(|verdict| verdict.subject == subject) {
                self.add(Severity::Fine, subject, text, "");
            }
        }
    }

    /// The worst first.
    pub(super) fn sorted(mut self) -> Vec<Verdict> {
        self.0.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
        self.0
    }

    fn add(
        &mut self,
        severity: Severity,
        subject: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Verdict { subject, severity, finding: finding.into(), remedy: remedy.into() });
    }
}

/// The remedy for a node that answers with an error.
pub(super) fn remedy_for(error: &str) -> &'static str {
    if error.contains("ALTER EXTENSION citus UPDATE") {
        "Citus was upgraded on that server and not yet in this database: ALTER EXTENSION citus UPDATE, \
         workers first"
    } else {
        "look at its load, locks and disk"
    }
}
