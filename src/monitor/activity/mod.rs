//! The running sessions of all nodes, and which session waits for which. Each node is asked for its own
//! sessions. A session that works for one on another node has that one's gpid in its application_name. Citus'
//! own view of lock waits (citus_lock_waits) queries all nodes through one, twice, and waits for frozen
//! nodes.

mod lock_waits;
mod session;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{Answer, MissingNode, Nodes};
use super::report::Severity;
use super::table::{Cell, Table, seconds};
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
pub use lock_waits::LockWait;
pub use session::RunningSession;

/// The running sessions and the lock waits.
#[derive(Serialize)]
pub struct Activity {
    pub at: DateTime<Utc>,
    /// False for plain PostgreSQL.
    pub citus: bool,
    /// The oldest transactions first.
    pub sessions: Vec<RunningSession>,
    /// The tree of lock waits, depth first.
    pub waits: Vec<LockWait>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// Reads the sessions of all nodes.
///
/// # Errors
/// When the coordinator does not answer and has never listed its nodes.
pub async fn activity(nodes: &Nodes) -> Result<Activity, ClusterError> {
    let cluster = nodes.list().await?;
    let ids = node_ids(&cluster.nodes);
    let answers = nodes
        .ask_all(&cluster.nodes, async |connection, node| session::of_node(connection, node, &ids).await)
        .await;
    let missing = answers.iter().filter_map(Answer::missing).collect();
    let mut sessions: Vec<RunningSession> =
        answers.into_iter().filter_map(|answer| answer.result.ok()).flatten().collect();
    // Citus names the tenant only in statements between nodes: the session that sent one has the same tenant.
    let tenants: HashMap<i64, String> =
        sessions.iter().filter_map(|session| Some((session.part_of?, session.tenant.clone()?))).collect();
    for session in &mut sessions {
        session.tenant = session.tenant.take().or_else(|| tenants.get(&session.gpid).cloned());
    }
    sessions.sort_by(|a, b| b.transaction.unwrap_or(-1.0).total_cmp(&a.transaction.unwrap_or(-1.0)));
    let waits = lock_waits::tree(&sessions, &cluster.nodes);
    Ok(Activity { at: Utc::now(), citus: cluster.citus, sessions, waits, missing })
}

/// One running session with its node; none when the session or the group does not exist.
///
/// # Errors
/// When the node does not answer.
pub async fn running_session(
    nodes: &Nodes,
    group: i32,
    pid: i32,
) -> Result<Option<(ClusterNode, RunningSession)>, ClusterError> {
    let cluster = nodes.list().await?;
    let Some(node) = cluster.nodes.iter().find(|node| node.group == group) else { return Ok(None) };
    let ids = node_ids(&cluster.nodes);
    let answers = nodes
        .ask_all(std::slice::from_ref(node), async |connection, node| {
            session::of_node(connection, node, &ids).await
        })
        .await;
    match answers.into_iter().next().map(|answer| answer.result) {
        Some(Ok(sessions)) => {
            let session = sessions.into_iter().find(|session| session.pid == pid);
            Ok(session.map(|session| (node.clone(), session)))
        }
        Some(Err(reason)) => {
            Err(ClusterError::Obstacle(format!("{} did not answer: {reason}", node.address)))
        }
        None => Ok(None),
    }
}

fn node_ids(nodes: &[ClusterNode]) -> HashSet<i64> {
    nodes.iter().map(|node| i64::from(node.id)).collect()
}

impl Activity {
    /// The sessions and the lock waits as tables.
    pub fn tables(&self) -> Vec<Table> {
        let heads = [
            "#transaction",
            "node",
            "#pid",
            "#over all nodes",
            "#part of",
            "state",
            "#for",
            "waits for",
            "tenant, shards",
            "user, client",
            "statement",
        ];
        let mut sessions = Table::new("Running sessions", &heads).when_empty("No session runs a statement.");
        for session in &self.sessions {
            let row = sessions.row(cells(session));
            row.severity = session.long_idle.then_some(Severity::Warning);
        }
        let mut waits = Table::new("Lock waits", &["session", "state", "statement"])
            .when_empty("No session waits for a lock.");
        for wait in &self.waits {
            let indent = if wait.depth > 0 {
                format!("{}waits: ", "    ".repeat(wait.depth - 1))
            } else {
                String::new()
            };
            let again = if wait.again { " (again: a deadlock)" } else { "" };
            waits.row([
                Cell::from(format!("{indent}{}{again}", wait.who)),
                wait.state.clone().into(),
                Cell::code(wait.statement.clone()),
            ]);
        }
        vec![sessions, waits]
    }
}

fn cells(session: &RunningSession) -> [Cell; 11] {
    [
        session.age().into(),
        session.node.clone().into(),
        session.pid.to_string().into(),
        session.gpid.to_string().into(),
        session.part_of.map_or_else(String::new, |gpid| gpid.to_string()).into(),
        session.state.clone().into(),
        session.since.map_or_else(String::new, seconds).into(),
        session.wait.clone().into(),
        session.subject().into(),
        session.origin().into(),
        Cell::code(session.statement.clone()),
    ]
}
