//! Our database roles on every node. When Citus activates a node, it copies only the roles that it has marked
//! as distributed. Roles that existed before the extension are not marked, so this program creates the
//! missing ones with their settings (timeouts).

use tokio_postgres::Row;

use super::error::{ClusterError, retry_on_role_conflict};
use super::node;
use super::node_connection::NodeConnection;
use super::say::Say;

const ROLES: &str = "
    SELECT r.rolname::text, coalesce(a.rolpassword, ''),
           coalesce((SELECT array_agg(setting ORDER BY setting)
                     FROM pg_db_role_setting s, unnest(s.setconfig) setting
                     WHERE s.setrole = r.oid AND s.setdatabase = 0), '{}'),
           r.rolinherit,
           coalesce((SELECT array_agg(g.rolname::text ORDER BY g.rolname)
                     FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                     WHERE m.member = r.oid AND g.rolname LIKE 'pigeonhole\\_%'), '{}')
    FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid
    WHERE r.rolname LIKE 'pigeonhole\\_%' AND NOT r.rolsuper ORDER BY 1";

#[derive(PartialEq, Eq)]
struct RoleDefinition {
    name: String,
    /// The hash, or empty for a role without a password.
    password: String,
    /// As `name=value`.
    settings: Vec<String>,
    inherits: bool,
    /// Those of our roles that it may take.
    member_of: Vec<String>,
}

async fn definitions(connection: &NodeConnection) -> Result<Vec<RoleDefinition>, ClusterError> {
    let rows = connection.rows("listing the roles", ROLES, &[]).await?;
    let definition = |row: &Row| RoleDefinition {
        name: row.get(0),
        password: row.get(1),
        settings: row.get(2),
        inherits: row.get(3),
        member_of: row.get(4),
    };
    Ok(rows.iter().map(definition).collect())
}

/// Makes the node's roles equal to the coordinator's. Returns one sentence for each role that it changed.
pub(super) async fn copy(
    coordinator: &NodeConnection,
    node: &NodeConnection,
) -> Result<Vec<String>, ClusterError> {
    retry_on_role_conflict(async || repair(coordinator, node).await).await
}

/// Makes the roles of all worker nodes equal to the coordinator's, as roles that existed before the nodes
/// were a cluster are not distributed by Citus. Says what it changed.
///
/// # Errors
/// When a node does not answer.
pub async fn copy_roles(coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
    for node in node::list(coordinator).await?.iter().filter(|node| node.group != 0) {
        let connection = NodeConnection::node(coordinator.config(), &node.address).await?;
        for done in copy(coordinator, &connection).await? {
            say(&format!("{}: {done}, as on the coordinator", node.address));
        }
    }
    Ok(())
}

async fn repair(coordinator: &NodeConnection, node: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let (expected, existing) = (definitions(coordinator).await?, definitions(node).await?);
    let mut repaired = Vec::new();
    for role in expected {
        if existing.contains(&role) {
            continue;
        }
        let exists = existing.iter().any(|other| other.name == role.name);
        let name = &role.name;
        node.run(&format!("making the role {name}"), &statements(&role, exists).join(";\n")).await?;
        repaired.push(if exists {
            format!("gave the role {name} its settings")
        } else {
            format!("made the role {name}")
        });
    }
    Ok(repaired)
}

fn statements(role: &RoleDefinition, exists: bool) -> Vec<String> {
    let name = &role.name;
    let mut statements = vec!["SET citus.enable_ddl_propagation = off".to_owned()];
    if !exists {
        statements.push(format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"));
    }
    let password = if role.password.is_empty() { "NULL".to_owned() } else { literal(&role.password) };
    statements.push(format!("ALTER ROLE {name} PASSWORD {password}"));
    statements.push(format!("ALTER ROLE {name} {}", if role.inherits { "INHERIT" } else { "NOINHERIT" }));
    statements.push(format!("ALTER ROLE {name} RESET ALL"));
    for setting in &role.settings {
        if let Some((setting, value)) = setting.split_once('=') {
            statements.push(format!("ALTER ROLE {name} SET {setting} = {}", literal(value)));
        }
    }
    // In the order of their names the roles of requests come before the logins.
    statements.extend(role.member_of.iter().map(|taken| format!("GRANT {taken} TO {name}")));
    if name == "pigeonhole_console" {
        statements.push(format!("GRANT pg_monitor TO {name}"));
    }
    statements.push("RESET citus.enable_ddl_propagation".to_owned());
    statements
}

/// Quotes a string as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}
