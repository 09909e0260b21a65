//! Which session waits for a lock of which other session, as a tree over all nodes.

use serde::Serialize;

use super::session::{NODE_STEP, RunningSession};
use crate::cluster::node::ClusterNode;

/// Deeper chains and longer trees are cut off.
const MAX_DEPTH: usize = 20;
const MAX_LINES: usize = 500;

/// A line of the tree. Lines below it with a greater depth wait for it.
#[derive(Clone, Debug, Serialize)]
pub struct LockWait {
    /// The number of sessions above it; 0 waits for no other session.
    pub depth: usize,
    /// Citus' global process id.
    pub gpid: i64,
    /// The session for people, or the prepared transaction.
    pub who: String,
    pub state: String,
    pub statement: String,
    /// The node group and pid with which the session can be ended. None for a prepared transaction, and for a
    /// session that is not among the running ones.
    pub place: Option<(i32, i32)>,
    /// Whether the same session is above it: a deadlock.
    pub again: bool,
}

/// Builds the tree. The sessions that block others and wait for none come first, at depth 0.
pub(super) fn tree(sessions: &[RunningSession], nodes: &[ClusterNode]) -> Vec<LockWait> {
    let edges = edges(sessions);
    let holders = || edges.iter().map(|edge| edge.holder);
    let waits = |gpid: &i64| edges.iter().any(|edge| edge.waiter == *gpid);
    let mut tree = Tree { edges: &edges, sessions, nodes, lines: Vec::new() };
    // In a deadlock every session waits, so the holders that no root has reached become roots afterwards.
    for root in holders().filter(|gpid| !waits(gpid)).chain(holders()) {
        if !tree.lines.iter().any(|line| line.gpid == root) {
            tree.descend(root, &mut Vec::new());
        }
    }
    tree.lines
}

/// One session waits for another, by gpid. A holder with pid 0 is a prepared transaction of its node.
#[derive(PartialEq)]
struct Edge {
    holder: i64,
    waiter: i64,
}

/// A session that works for one on another node is replaced by that one: so a lock on one node and a lock on
/// another become one chain.
fn edges(sessions: &[RunningSession]) -> Vec<Edge> {
    let origin = |session: &RunningSession| session.part_of.unwrap_or(session.gpid);
    let mut edges: Vec<Edge> = Vec::new();
    for session in sessions {
        for blocker in &session.blockers {
            let gpid = session.gpid / NODE_STEP * NODE_STEP + i64::from(*blocker);
            let holder = sessions.iter().find(|other| other.gpid == gpid).map_or(gpid, origin);
            let edge = Edge { holder, waiter: origin(session) };
            if edge.holder != edge.waiter && !edges.contains(&edge) {
                edges.push(edge);
            }
        }
    }
    edges
}

struct Tree<'a> {
    edges: &'a [Edge],
    sessions: &'a [RunningSession],
    nodes: &'a [ClusterNode],
    lines: Vec<LockWait>,
}

impl Tree<'_> {
    fn descend(&mut self, gpid: i64, above: &mut Vec<i64>) {
        let again = above.contains(&gpid);
        let line = self.line(gpid, above.len(), again);
        self.lines.push(line);
        if again || above.len() > MAX_DEPTH || self.lines.len() > MAX_LINES {
            return;
        }
        above.push(gpid);
        for edge in self.edges.iter().filter(|edge| edge.holder == gpid) {
            self.descend(edge.waiter, above);
        }
        above.pop();
    }

    fn line(&self, gpid: i64, depth: usize, again: bool) -> LockWait {
        match self.sessions.iter().find(|session| session.gpid == gpid) {
            Some(session) => LockWait {
                depth,
                gpid,
                who: format!(
                    "process {} on {}, {} {}",
                    session.pid, session.node, session.user, session.application
                ),
                state: session.state_line(),
                statement: session.statement.clone(),
                place: Some((session.group, session.pid)),
                again,
            },
            None => self.line_without_session(gpid, depth, again),
        }
    }

    fn line_without_session(&self, gpid: i64, depth: usize, again: bool) -> LockWait {
        let node = self.nodes.iter().find(|node| i64::from(node.id) == gpid / NODE_STEP);
        let node = node.map_or_else(|| "?".to_owned(), |node| node.address.to_string());
        let (who, state) = match gpid % NODE_STEP {
            0 => (format!("a prepared transaction on {node}"), "prepared; the verdicts name it"),
            pid => (format!("process {pid} on {node}"), "not seen"),
        };
        LockWait { depth, gpid, who, state: state.to_owned(), statement: String::new(), place: None, again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::HostPort;

    fn node(id: i32) -> ClusterNode {
        ClusterNode {
            id,
            group: id - 1,
            address: HostPort::new(&format!("n{id}"), 5432),
            active: true,
            synced: true,
            takes_shards: true,
        }
    }

    fn session(node: i64, pid: i32, part_of: Option<i64>, blockers: &[i32]) -> RunningSession {
        RunningSession {
            node: format!("n{node}:5432"),
            group: i32::try_from(node).expect("small") - 1,
            pid,
            gpid: node * NODE_STEP + i64::from(pid),
            part_of,
            database: String::new(),
            user: String::new(),
            application: String::new(),
            client: String::new(),
            state: "active".to_owned(),
            wait: String::new(),
            transaction: None,
            since: None,
            long_idle: false,
            began: (0, 0),
            statement: String::new(),
            tenant: None,
            shards: Vec::new(),
            blockers: blockers.to_vec(),
        }
    }

    fn shape(waits: &[LockWait]) -> Vec<(usize, i64, bool)> {
        waits.iter().map(|wait| (wait.depth, wait.gpid, wait.again)).collect()
    }

    #[test]
    fn a_chain_over_two_nodes_is_one_tree() {
        let (nodes, g) = ([node(1), node(2)], |node: i64, pid: i64| node * NODE_STEP + pid);
        // 11 of node 1 waits on node 2, through 21 there, for 22, which works for 12 of node 1; 13 waits for
        // 11 on node 1.
        let sessions = [
            session(1, 11, None, &[]),
            session(1, 12, None, &[]),
            session(1, 13, None, &[11]),
            session(2, 21, Some(g(1, 11)), &[22]),
            session(2, 22, Some(g(1, 12)), &[]),
        ];
        assert_eq!(
            shape(&tree(&sessions, &nodes)),
            [(0, g(1, 12), false), (1, g(1, 11), false), (2, g(1, 13), false)]
        );
    }

    #[test]
    fn a_deadlock_and_a_prepared_transaction_end_too() {
        let (nodes, g) = ([node(1)], |pid: i64| NODE_STEP + pid);
        let sessions = [session(1, 1, None, &[2]), session(1, 2, None, &[1]), session(1, 3, None, &[0])];
        let waits = tree(&sessions, &nodes);
        assert_eq!(
            shape(&waits),
            [(0, g(0), false), (1, g(3), false), (0, g(2), false), (1, g(1), false), (2, g(2), true)]
        );
        assert!(waits[0].who.contains("prepared"));
    }
}
