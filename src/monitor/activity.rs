//! What runs on all nodes now, and who waits for whom. Each node is asked for its own sessions; those that
//! another node's session opened there say so in their name, and by that a lock on one node and a lock on
//! another become one chain. Citus' own view of that (citus_lock_waits) asks all nodes through one, twice,
//! and waits for those that are frozen.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::nodes::{MissingNode, Nodes};
use super::report::Severity;
use super::statement_text;
use super::table::{Cell, Table, seconds};
use crate::cluster::error::ClusterError;
use crate::cluster::node::ClusterNode;
use crate::cluster::node_connection::NodeConnection;

/// Sessions of one node that are shown.
const MOST: i64 = 200;
/// Who has a transaction open and does nothing for so long is in everybody's way.
const LONG_IDLE: f64 = 60.0;
/// A number over all nodes is the node's number times this, and the process.
const NODE_STEP: i64 = 10_000_000_000;

/// What runs.
#[derive(Serialize)]
pub struct Activity {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it is a cluster.
    pub citus: bool,
    /// The oldest transactions first.
    pub sessions: Vec<RunningSession>,
    /// Who waits for whom, as a tree from the top: those that wait for nobody come first, at depth 0.
    pub waits: Vec<LockWait>,
    /// The nodes that did not answer.
    pub missing: Vec<MissingNode>,
}

/// A session that does something or has a transaction open.
#[derive(Clone, Debug, Serialize)]
pub struct RunningSession {
    /// host:port.
    pub node: String,
    /// The number of its group.
    pub group: i32,
    /// Its process.
    pub pid: i32,
    /// Its number over all nodes.
    pub gpid: i64,
    /// The session of another node for which it works.
    pub part_of: Option<i64>,
    /// Its database, where that is another than ours.
    pub database: String,
    /// Whose it is.
    pub user: String,
    /// What it calls itself.
    pub application: String,
    /// Where it comes from.
    pub client: String,
    /// active, idle in transaction and so on.
    pub state: String,
    /// What it waits for.
    pub wait: String,
    /// For how long its transaction is open, in seconds.
    pub transaction: Option<f64>,
    /// For how long its statement has run, or since when nothing has.
    pub since: Option<f64>,
    /// Whether it has had a transaction open and done nothing for over a minute.
    pub long_idle: bool,
    /// When its session and its statement began, in microseconds since 1970.
    pub began: (i64, i64),
    /// Its statement without the values in quotes, which are the tenants'.
    pub statement: String,
    /// The tenant, where Citus wrote it to a statement that it sent.
    pub tenant: Option<String>,
    /// Shards that its statement names.
    pub shards: Vec<i64>,
    /// The processes of the same node for which it waits; 0 is a prepared transaction.
    #[serde(skip)]
    blockers: Vec<i32>,
}

/// A session in the tree of those that wait.
#[derive(Clone, Debug, Serialize)]
pub struct LockWait {
    /// How many it waits behind.
    pub depth: usize,
    /// Its number over all nodes.
    pub gpid: i64,
    /// What it is called.
    pub who: String,
    /// What it does.
    pub state: String,
    /// Its statement.
    pub statement: String,
    /// Where it can be ended: the group and the process; none for what has no process or is on a node that
    /// does not answer.
    pub place: Option<(i32, i32)>,
    /// Whether it stands above itself, in a deadlock.
    pub again: bool,
}

const LOOK: &str = "
    WITH waiting AS MATERIALIZED (
        SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity WHERE wait_event_type = 'Lock')
    SELECT a.pid, CASE WHEN a.datname = current_database() THEN ''
    ELSE coalesce(a.datname::text, '') END, coalesce(a.usename::text, ''),
           CASE WHEN a.application_name = '' AND a.backend_type <> 'client backend' THEN a.backend_type
           ELSE a.application_name END,
           coalesce(host(a.client_addr), 'local'), coalesce(a.state, ''),
           CASE WHEN a.state = 'active'
           OR a.wait_event_type = 'Lock' THEN concat_ws(' ', a.wait_event_type, a.wait_event) ELSE '' END,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
           extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start
           ELSE a.state_change END)::float8,
           (extract(epoch FROM a.backend_start) * 1000000)::bigint, coalesce((extract(epoch
           FROM a.query_start) * 1000000)::bigint, 0),
           left(a.query, 1500), coalesce(w.blockers, '{}'), a.state LIKE 'idle in transaction%'
    FROM pg_stat_activity a LEFT JOIN waiting w USING (pid)
    WHERE a.pid <> pg_backend_pid()
      AND ((a.backend_type = 'client backend' AND a.state <> 'idle'
      AND a.application_name <> 'pigeonhole console')
        OR a.backend_type LIKE 'Citus Background Task%' OR w.pid IS NOT NULL
        OR a.pid IN (SELECT unnest(blockers) FROM waiting))
    ORDER BY a.xact_start NULLS LAST LIMIT $1";

/// Looks at all of it.
///
/// # Errors
/// When the nodes were never listed.
pub async fn activity(nodes: &Nodes) -> Result<Activity, ClusterError> {
    let cluster = nodes.list().await?;
    let known: HashSet<i64> = cluster.nodes.iter().map(|node| i64::from(node.id)).collect();
    let answers =
        nodes.ask_all(&cluster.nodes, async |session, node| look(session, node, &known).await).await;
    let missing = answers.iter().filter_map(super::Answer::missing).collect();
    let mut sessions: Vec<RunningSession> =
        answers.into_iter().filter_map(|answer| answer.result.ok()).flatten().collect();
    let tenants: HashMap<i64, String> =
        sessions.iter().filter_map(|session| Some((session.part_of?, session.tenant.clone()?))).collect();
    for session in &mut sessions {
        session.tenant = session.tenant.take().or_else(|| tenants.get(&session.gpid).cloned());
    }
    sessions.sort_by(|a, b| b.transaction.unwrap_or(-1.0).total_cmp(&a.transaction.unwrap_or(-1.0)));
    let waits = tree(&sessions, &cluster.nodes);
    Ok(Activity { at: Utc::now(), citus: cluster.citus, sessions, waits, missing })
}

/// One session of a group, as it is now.
///
/// # Errors
/// When there is no such group or its node does not answer.
pub async fn running_session(
    nodes: &Nodes,
    group: i32,
    pid: i32,
) -> Result<Option<(ClusterNode, RunningSession)>, ClusterError> {
    let cluster = nodes.list().await?;
    let Some(node) = cluster.nodes.iter().find(|node| node.group == group).cloned() else { return Ok(None) };
    let known = cluster.nodes.iter().map(|node| i64::from(node.id)).collect();
    let answers = nodes
        .ask_all(std::slice::from_ref(&node), async |session, node| look(session, node, &known).await)
        .await;
    match answers.into_iter().next().map(|answer| answer.result) {
        Some(Ok(sessions)) => {
            Ok(sessions.into_iter().find(|session| session.pid == pid).map(|session| (node, session)))
        }
        Some(Err(reason)) => {
            Err(ClusterError::Obstacle(format!("{} did not answer: {reason}", node.address)))
        }
        None => Ok(None),
    }
}

async fn look(
    session: &NodeConnection,
    node: &ClusterNode,
    known: &HashSet<i64>,
) -> Result<Vec<RunningSession>, ClusterError> {
    let rows = session.rows("looking at sessions", LOOK, &[&MOST]).await?;
    Ok(rows.iter().map(|row| one(row, node, known)).collect())
}

fn one(row: &tokio_postgres::Row, node: &ClusterNode, known: &HashSet<i64>) -> RunningSession {
    let (pid, application, text): (i32, String, &str) = (row.get(0), row.get(3), row.get(11));
    let since: Option<f64> = row.get(8);
    let gpid = i64::from(node.id) * NODE_STEP + i64::from(pid);
    let origin = application.strip_prefix("citus_internal gpid=").and_then(|gpid| gpid.parse::<i64>().ok());
    RunningSession {
        node: node.address.to_string(),
        group: node.group,
        pid,
        gpid,
        part_of: origin.filter(|origin| known.contains(&(origin / NODE_STEP)) && *origin != gpid),
        database: row.get(1),
        user: row.get(2),
        application,
        client: row.get(4),
        state: row.get(5),
        wait: row.get(6),
        transaction: row.get(7),
        since,
        long_idle: row.get::<_, Option<bool>>(13) == Some(true)
            && since.is_some_and(|since| since > LONG_IDLE),
        began: (row.get(9), row.get(10)),
        statement: statement_text::masked(statement_text::without_tenant(text)),
        tenant: statement_text::tenant(text).map(str::to_owned),
        shards: statement_text::shards(text),
        blockers: row.get(12),
    }
}

/// The tree of those that wait.
fn tree(sessions: &[RunningSession], nodes: &[ClusterNode]) -> Vec<LockWait> {
    let owner = |session: &RunningSession| session.part_of.unwrap_or(session.gpid);
    // Who waits for whom, by the number over all nodes; a blocker of process 0 is a prepared transaction of
    // that node.
    let mut behind: Vec<(i64, i64)> = Vec::new();
    for session in sessions {
        for blocker in &session.blockers {
            let here = session.gpid / NODE_STEP * NODE_STEP + i64::from(*blocker);
            let holder = sessions.iter().find(|other| other.gpid == here).map_or(here, owner);
            let edge = (holder, owner(session));
            if edge.0 != edge.1 && !behind.contains(&edge) {
                behind.push(edge);
            }
        }
    }
    let waits = |gpid: i64| behind.iter().any(|(_, waiting)| *waiting == gpid);
    let mut tops: Vec<i64> = Vec::new();
    // In a deadlock nobody is at the top, so what was not reached is begun with afterwards.
    let all: Vec<i64> = behind.iter().map(|(holder, _)| *holder).collect();
    let mut lines = Vec::new();
    for top in all.iter().filter(|gpid| !waits(**gpid)).chain(&all) {
        if !tops.contains(top) && !lines.iter().any(|line: &LockWait| line.gpid == *top) {
            tops.push(*top);
            descend(*top, &mut Vec::new(), &behind, &mut lines, &|gpid, depth, again| {
                line(gpid, depth, again, sessions, nodes)
            });
        }
    }
    lines
}

fn descend(
    gpid: i64,
    above: &mut Vec<i64>,
    behind: &[(i64, i64)],
    lines: &mut Vec<LockWait>,
    line: &impl Fn(i64, usize, bool) -> LockWait,
) {
    let again = above.contains(&gpid);
    lines.push(line(gpid, above.len(), again));
    if again || above.len() > 20 || lines.len() > 500 {
        return;
    }
    above.push(gpid);
    for (_, waiting) in behind.iter().filter(|(holder, _)| *holder == gpid) {
        descend(*waiting, above, behind, lines, line);
    }
    above.pop();
}

fn line(
    gpid: i64,
    depth: usize,
    again: bool,
    sessions: &[RunningSession],
    nodes: &[ClusterNode],
) -> LockWait {
    let node = nodes.iter().find(|node| i64::from(node.id) == gpid / NODE_STEP);
    let place = node.map_or_else(|| "?".to_owned(), |node| node.address.to_string());
    let Some(session) = sessions.iter().find(|session| session.gpid == gpid) else {
        let pid = gpid % NODE_STEP;
        let who = if pid == 0 {
            format!("a prepared transaction on {place}")
        } else {
            format!("process {pid} on {place}")
        };
        let state = if pid == 0 { "prepared; the verdicts name it" } else { "not seen" };
        return LockWait {
            depth,
            gpid,
            who,
            state: state.to_owned(),
            statement: String::new(),
            place: None,
            again,
        };
    };
    LockWait {
        depth,
        gpid,
        who: format!("process {} on {}, {} {}", session.pid, session.node, session.user, session.application),
        state: session.state_line(),
        statement: session.statement.clone(),
        place: Some((session.group, session.pid)),
        again,
    }
}

impl RunningSession {
    /// What it does and for how long.
    pub fn state_line(&self) -> String {
        let since = self.since.map_or_else(String::new, |since| format!(" for {}", seconds(since)));
        let wait = if self.wait.is_empty() { String::new() } else { format!(", waits: {}", self.wait) };
        format!("{}{since}{wait}", if self.state.is_empty() { "busy" } else { &self.state })
    }

    /// Whose rows it touches, as far as that can be told.
    pub fn subject(&self) -> String {
        let tenant = self.tenant.as_ref().map(|tenant| format!("tenant {tenant}"));
        let shards = self.shards.iter().map(|shard| format!("shard {shard}"));
        tenant.into_iter().chain(shards).collect::<Vec<_>>().join(", ")
    }

    /// For how long its transaction is open.
    pub fn age(&self) -> String {
        self.transaction.map_or_else(String::new, seconds)
    }

    /// Whose it is.
    pub fn origin(&self) -> String {
        let database =
            if self.database.is_empty() { String::new() } else { format!(", database {}", self.database) };
        match self.part_of {
            Some(_) => format!("{}, for another node{database}", self.user),
            None => format!("{} {} from {}{database}", self.user, self.application, self.client),
        }
    }
}

impl Activity {
    /// The same as tables: sessions, and who waits for whom.
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
            "whose",
            "statement",
        ];
        let mut sessions = Table::new("Sessions that do something", &heads).when_empty("Nothing runs.");
        for session in &self.sessions {
            let row = sessions.row([
                Cell::from(session.age()),
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
            ]);
            row.severity = session.long_idle.then_some(Severity::Warning);
        }
        let mut waits = Table::new("Who waits for whom", &["session", "state", "statement"])
            .when_empty("Nobody waits for a lock.");
        for wait in &self.waits {
            let arrow = if wait.depth > 0 {
                format!("{}waits: ", "    ".repeat(wait.depth - 1))
            } else {
                String::new()
            };
            let again = if wait.again { " (again: a deadlock)" } else { "" };
            waits.row([
                Cell::from(format!("{arrow}{}{again}", wait.who)),
                wait.state.clone().into(),
                Cell::code(wait.statement.clone()),
            ]);
        }
        vec![sessions, waits]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::NodeAddress;

    fn node(id: i32) -> ClusterNode {
        ClusterNode {
            id,
            group: id - 1,
            address: NodeAddress::new(&format!("n{id}"), 5432),
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
