//! Our roles on every node. Citus copies roles when it activates a node, but only those that it has marked as
//! its own, which those made before the extension are not; so what is missing is made here, time limits
//! included.

use super::error::{ClusterError, retry_on_role_conflict};
use super::node_connection::NodeConnection;

const OURS: &str = "
    SELECT r.rolname::text, coalesce(a.rolpassword, ''),
           coalesce((SELECT array_agg(setting ORDER BY setting)
           FROM pg_db_role_setting s, unnest(s.setconfig) setting
                     WHERE s.setrole = r.oid AND s.setdatabase = 0), '{}')
    FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid
    WHERE r.rolname LIKE 'pigeonhole\\_%' AND NOT r.rolsuper ORDER BY 1";

/// A role with its hashed password and its settings.
type RoleDefinition = (String, String, Vec<String>);

async fn ours(connection: &NodeConnection) -> Result<Vec<RoleDefinition>, ClusterError> {
    let rows = connection.rows("listing the roles", OURS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Makes the node's roles what the coordinator's are, and says which were not.
pub(super) async fn copy(
    coordinator: &NodeConnection,
    node: &NodeConnection,
) -> Result<Vec<String>, ClusterError> {
    retry_on_role_conflict(async || repair(coordinator, node).await).await
}

async fn repair(coordinator: &NodeConnection, node: &NodeConnection) -> Result<Vec<String>, ClusterError> {
    let (wanted, there) = (ours(coordinator).await?, ours(node).await?);
    let mut repaired = Vec::new();
    for (name, password, settings) in wanted {
        let found = there.iter().find(|(other, ..)| *other == name);
        if found.is_some_and(|(_, hash, set)| *hash == password && *set == settings) {
            continue;
        }
        let mut statements = vec!["SET citus.enable_ddl_propagation = off".to_owned()];
        if found.is_none() {
            statements
                .push(format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"));
        }
        let password = if password.is_empty() { "NULL".to_owned() } else { literal(&password) };
        statements.push(format!("ALTER ROLE {name} PASSWORD {password}"));
        statements.push(format!("ALTER ROLE {name} RESET ALL"));
        for setting in &settings {
            if let Some((setting, value)) = setting.split_once('=') {
                statements.push(format!("ALTER ROLE {name} SET {setting} = {}", literal(value)));
            }
        }
        if name == "pigeonhole_console" {
            statements.push(format!("GRANT pg_monitor TO {name}"));
        }
        statements.push("RESET citus.enable_ddl_propagation".to_owned());
        node.run(&format!("making the role {name}"), &statements.join(";\n")).await?;
        repaired.push(if found.is_some() {
            format!("gave the role {name} its time limits")
        } else {
            format!("made the role {name}")
        });
    }
    Ok(repaired)
}

/// A string as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}
