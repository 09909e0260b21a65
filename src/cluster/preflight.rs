//! Checks whether a server is fit to be a node, and names each setting that must change with its exact line.

use tokio_postgres::Row;

use super::error::{ClusterError, obstacle};
use super::node;
use super::node_connection::NodeConnection;
use crate::db::versions::Citus;

/// The output plugins that decode the WAL in moves and splits. Newer PostgreSQL allows only listed ones.
const PLUGINS: [&str; 3] = ["pgoutput", "test_decoding", "citus"];
/// Between a worker and the coordinator.
const MAX_CLOCK_SKEW_SECONDS: f64 = 2.0;

/// The result of [`check`] for one server.
#[derive(Clone, Debug)]
pub struct PreflightReport {
    /// The server in messages to the operator.
    pub name: String,
    /// For example 17.2.
    pub postgresql: String,
    /// The version of the extension in this database, or the version that could be created.
    pub citus: Option<String>,
    /// Whether the Citus extension is created in this database.
    pub has_extension: bool,
    /// Settings that must change before the server can be a node.
    pub faults: Vec<String>,
    /// Settings that should change.
    pub advice: Vec<String>,
    /// Whether synchronous_commit is off: a move would lose commits that are not in the WAL yet.
    pub commits_unsafely: bool,
    /// The new value of output_plugin_libraries, if it lacks one of [`PLUGINS`].
    pub plugins: Option<String>,
    server_version: i32,
    /// Seconds by which the server's clock is ahead of this machine's.
    clock_offset: f64,
}

const SETTINGS: &str = "
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int AS number,
           current_setting('shared_preload_libraries') AS preloaded,
           current_setting('wal_level') AS wal_level,
           current_setting('max_worker_processes')::int AS max_worker_processes,
           current_setting('max_replication_slots')::int AS max_replication_slots,
           current_setting('max_wal_senders')::int AS max_wal_senders,
           current_setting('max_logical_replication_workers')::int AS max_logical_replication_workers,
           current_setting('max_prepared_transactions')::int AS max_prepared_transactions,
           current_setting('max_connections')::int AS max_connections,
           current_setting('output_plugin_libraries', true) AS plugins,
           (SELECT default_version FROM pg_available_extensions WHERE name = 'citus') AS citus_available,
           (SELECT extversion FROM pg_extension WHERE extname = 'citus') AS citus_created,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
           pg_is_in_recovery() AS standby, extract(epoch FROM clock_timestamp())::float8 AS clock,
           (SELECT string_agg(coalesce((SELECT 'role ' || rolname FROM pg_roles r WHERE r.oid = s.setrole),
                                       'the database'), ', ')
            FROM pg_db_role_setting s WHERE s.setconfig && ARRAY['synchronous_commit=off']
              AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
           AS commits_unsafely,
           current_setting('synchronous_commit') AS synchronous_commit";

/// Checks one server.
pub(crate) async fn check(connection: &NodeConnection) -> Result<PreflightReport, ClusterError> {
    let started = std::time::Instant::now();
    let row = connection.row("looking at the settings", SETTINGS, &[]).await?;
    let half_round_trip = started.elapsed().as_secs_f64() / 2.0;
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (faults, advice) = check_settings(&row);
    Ok(PreflightReport {
        name: connection.name().to_owned(),
        postgresql: row.get::<_, &str>("version").split_whitespace().next().unwrap_or_default().to_owned(),
        citus: citus_version(&row).map(str::to_owned),
        has_extension: row.get::<_, Option<&str>>("citus_created").is_some(),
        commits_unsafely: row.get::<_, &str>("synchronous_commit") == "off",
        plugins: row.get::<_, Option<&str>>("plugins").and_then(widened),
        faults,
        advice,
        server_version: row.get("number"),
        clock_offset: row.get::<_, f64>("clock") - (now - half_round_trip),
    })
}

fn citus_version(row: &Row) -> Option<&str> {
    row.get::<_, Option<&str>>("citus_created").or_else(|| row.get("citus_available"))
}

/// The faults and the advice about one server.
fn check_settings(row: &Row) -> (Vec<String>, Vec<String>) {
    let (mut faults, mut advice) = (Vec::new(), Vec::new());
    check_preloaded(row, &mut faults);
    let wal_level: &str = row.get("wal_level");
    if wal_level != "logical" {
        faults.push(format!(
            "wal_level = logical    {RESTART}; it is {wal_level}, and shards cannot move online"
        ));
    }
    check_limits(row, &mut faults, &mut advice);
    if let Some(setters) = row.get::<_, Option<&str>>("commits_unsafely") {
        faults.push(format!(
            "synchronous_commit = off is set for {setters}; ALTER … RESET synchronous_commit: moves lose \
             acknowledged writes"
        ));
    }
    let major = row.get::<_, i32>("number").unsigned_abs() / 10_000;
    advice.extend(citus_version(row).and_then(Citus::parse).and_then(|citus| citus.advice(major)));
    if row.get::<_, bool>("standby") {
        faults.push("this server is a standby; name its primary".to_owned());
    }
    if row.get::<_, Option<bool>>("superuser") != Some(true) {
        faults.push(
            "the user of DATABASE_URL is not a superuser here; ALTER ROLE … SUPERUSER on this server"
                .to_owned(),
        );
    }
    (faults, advice)
}

const RESTART: &str = "in postgresql.conf, then restart the server";

fn check_preloaded(row: &Row, faults: &mut Vec<String>) {
    let preloaded: &str = row.get("preloaded");
    if preloaded.split(',').any(|library| library.trim().trim_matches('"') == "citus") {
        return;
    }
    if row.get::<_, Option<&str>>("citus_available").is_none() {
        faults.push(
            "the Citus extension is not installed on this server; install its package first".to_owned(),
        );
    }
    let rest = if preloaded.trim().is_empty() { String::new() } else { format!(",{preloaded}") };
    faults.push(format!("shared_preload_libraries = 'citus{rest}'    {RESTART}; citus must come first"));
}

fn check_limits(row: &Row, faults: &mut Vec<String>, advice: &mut Vec<String>) {
    for (setting, least, recommended) in [
        ("max_worker_processes", 16, 24),
        ("max_replication_slots", 10, 20),
        ("max_wal_senders", 10, 20),
        ("max_logical_replication_workers", 4, 8),
    ] {
        let is: i32 = row.get(setting);
        if is < least {
            faults.push(format!(
                "{setting} = {recommended}    {RESTART}; it is {is}, and moves of shards would never start"
            ));
        } else if is < recommended {
            advice.push(format!(
                "{setting} = {recommended}    {RESTART}; it is {is}, which is little when \
                several shards move at once"
            ));
        }
    }
    let (prepared, connections): (i32, i32) =
        (row.get("max_prepared_transactions"), row.get("max_connections"));
    if prepared < connections {
        let line = format!("max_prepared_transactions = {}    {RESTART}; it is {prepared}", connections * 2);
        if prepared == 0 { faults.push(line) } else { advice.push(line) }
    }
}

/// The list with the missing plugins added; none when none is missing, or when a name cannot be quoted.
fn widened(current: &str) -> Option<String> {
    let mut listed: Vec<&str> = current
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .filter(|name| !name.is_empty())
        .collect();
    let before = listed.len();
    for plugin in PLUGINS {
        if !listed.contains(&plugin) {
            listed.push(plugin);
        }
    }
    let quotable = |name: &&str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'/' || b == b'$')
    };
    (listed.len() > before && listed.iter().all(quotable)).then(|| {
        // Each name is quoted by itself, as PostgreSQL reads one quoted string as one name.
        listed.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    })
}

impl PreflightReport {
    /// Adds faults and advice about differences from the coordinator.
    pub(crate) fn compare(&mut self, coordinator: &Self) {
        if self.server_version / 10000 != coordinator.server_version / 10000 {
            let (here, there) = (&self.postgresql, &coordinator.postgresql);
            self.faults.push(format!(
                "PostgreSQL {here} here, {there} on the coordinator; install the same major version"
            ));
        } else if self.server_version != coordinator.server_version {
            self.advice.push(format!(
                "PostgreSQL {} here, {} on the coordinator",
                self.postgresql, coordinator.postgresql
            ));
        }
        if self.citus.is_some() && coordinator.citus.is_some() && self.citus != coordinator.citus {
            let (here, there) =
                (self.citus.as_deref().unwrap_or_default(), coordinator.citus.as_deref().unwrap_or_default());
            self.faults.push(format!(
                "Citus {here} here, {there} on the coordinator; install the same version, then ALTER \
                 EXTENSION citus UPDATE"
            ));
        }
        let skew = self.clock_offset - coordinator.clock_offset;
        if skew.abs() > MAX_CLOCK_SKEW_SECONDS {
            self.advice.push(format!(
                "the clock differs from the coordinator's by {skew:.1} s; run chrony or another NTP client"
            ));
        }
    }

    /// For the operator: one line about the server, and one for each setting to change.
    pub fn lines(&self) -> Vec<String> {
        let citus =
            self.citus.as_deref().map_or_else(|| "no Citus".to_owned(), |version| format!("Citus {version}"));
        let verdict = if self.faults.is_empty() { "fit" } else { "NOT FIT" };
        let mut lines = vec![format!("{}: {verdict}, PostgreSQL {}, {citus}", self.name, self.postgresql)];
        lines.extend(self.faults.iter().map(|fault| format!("    must: {fault}")));
        lines.extend(self.advice.iter().map(|advice| format!("    should: {advice}")));
        lines
    }
}

/// Changes the settings that need no restart: creates the extension, allows Citus to decode the WAL, makes
/// commits synchronous, and turns on the statistics that `status` shows.
pub(crate) async fn prepare(
    connection: &NodeConnection,
    report: &PreflightReport,
) -> Result<(), ClusterError> {
    if !report.has_extension {
        connection.run("creating the extension", "CREATE EXTENSION IF NOT EXISTS citus").await?;
    }
    if let Some(plugins) = &report.plugins {
        let sql = format!("ALTER SYSTEM SET output_plugin_libraries = {plugins}");
        connection.run("allowing Citus to decode the log", &sql).await?;
    }
    if report.commits_unsafely {
        make_commits_safe(connection).await?;
    }
    for (setting, value) in [("citus.stat_tenants_track", "all"), ("citus.enable_stat_counters", "on")] {
        let differs = "SELECT current_setting($1, true) IS DISTINCT FROM $2";
        if connection.row("looking at statistics", differs, &[&setting, &value]).await?.get(0) {
            let sql = format!("ALTER SYSTEM SET {setting} = '{value}'");
            connection.run("turning statistics on", &sql).await?;
        }
    }
    connection.run("reloading the settings", "SELECT pg_reload_conf()").await
}

/// Applies to new sessions only. `init` calls it before anything can move, since a session with the old
/// setting could lose writes in a move.
async fn make_commits_safe(connection: &NodeConnection) -> Result<(), ClusterError> {
    let sql = "SELECT format('ALTER DATABASE %I SET synchronous_commit = on', current_database())";
    let statement: String = connection.row("looking at the database", sql, &[]).await?.get(0);
    let sql =
        format!("SET citus.enable_ddl_propagation = off; {statement}; RESET citus.enable_ddl_propagation");
    connection.run("making commits safe", &sql).await
}

/// Refuses moves while a node has synchronous_commit = off. Such a node acknowledges a commit before it is in
/// the WAL. A move ends when the target has replayed the WAL, so that commit would stay behind on the source
/// node. Measured: 2 of 300,000 writes lost in 24 moves.
pub(crate) async fn require_safe_commits(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    for node in node::list(coordinator).await? {
        let connection = NodeConnection::node(coordinator.config(), &node.address).await?;
        let report = check(&connection).await?;
        if report.commits_unsafely
            || report.faults.iter().any(|fault| fault.starts_with("synchronous_commit"))
        {
            return obstacle(format!(
                "{} has synchronous_commit = off, with which moves lose acknowledged writes; there: {}",
                node.address,
                "ALTER DATABASE … SET synchronous_commit = on (and RESET it for roles), then restart the \
                 application"
            ));
        }
    }
    Ok(())
}

/// Refuses when a server has faults, and names these servers.
pub(crate) fn require_fit<'a>(
    reports: impl Iterator<Item = &'a PreflightReport>,
) -> Result<(), ClusterError> {
    let unfit: Vec<&str> =
        reports.filter(|report| !report.faults.is_empty()).map(|report| report.name.as_str()).collect();
    if unfit.is_empty() {
        return Ok(());
    }
    obstacle(format!(
        "change the lines marked `must` on {} and run this again; nothing was changed",
        unfit.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::widened;

    #[test]
    fn missing_plugins_are_added_and_each_is_quoted() {
        assert_eq!(
            widened("pgoutput, test_decoding").as_deref(),
            Some("\"pgoutput\", \"test_decoding\", \"citus\"")
        );
        assert_eq!(widened("citus, mine, pgoutput, test_decoding"), None);
        assert_eq!(widened("mine").as_deref(), Some("\"mine\", \"pgoutput\", \"test_decoding\", \"citus\""));
        assert_eq!(widened("od'd"), None);
    }
}
