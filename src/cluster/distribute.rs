//! Distributes the tables of a database that grew on plain PostgreSQL, in one transaction: either all tables
//! are on the workers with every row, or nothing has changed. Meanwhile writes wait, and reads of tables with
//! foreign keys too.

use std::time::{Duration, Instant};

use super::error::{ClusterError, obstacle, retry_on_role_conflict};
use super::node;
use super::node_connection::NodeConnection;
use super::say::Say;
use super::{events, jobs, older_names, pins};

/// Copying many rows takes long. TCP keepalives detect a lost server much earlier.
const TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// All tenants' tables are colocated with this one.
const ANCHOR: &str = "shared.users";
/// The one table of which every node gets a copy.
const REFERENCE: &str = "shared.tenants";

/// A table that should be distributed and is on the coordinator alone.
#[derive(Clone, Debug)]
pub struct LocalTable {
    /// With the schema, quoted for SQL.
    pub name: String,
    /// The distribution column; none for the reference table.
    pub column: Option<String>,
    pub bytes: i64,
}

impl LocalTable {
    fn distribute_call(&self) -> String {
        let name = &self.name;
        match self.column.as_deref() {
            None => format!("SELECT create_reference_table('{name}')"),
            Some(column) => {
                let beside = match name.as_str() {
                    ANCHOR => "none",
                    _ if column == "tenant_id" => ANCHOR,
                    // The shards of both directories move together, so that there are not more of them.
                    "throttles" => "logins",
                    _ => "none",
                };
                format!("SELECT create_distributed_table('{name}', '{column}', colocate_with => '{beside}')")
            }
        }
    }
}

/// Our tables that belong on the workers. The distribution column is the first column of the primary key: the
/// tenant's id for tenants' tables, and the lookup key for directories of all tenants.
const LOCAL_TABLES: &str = "
    SELECT c.oid::regclass::text, a.attname::text, pg_total_relation_size(c.oid)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles r ON r.oid = c.relowner
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
    WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared') AND r.rolname = 'pigeonhole_owner'
      AND (c.oid = 'shared.tenants'::regclass
           OR EXISTS (SELECT FROM pg_attribute t
                      WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
           -- Shared by all tenants: an attempt to log in is counted before its tenant is known.
           OR c.oid = to_regclass('throttles'))
      AND NOT EXISTS (SELECT FROM pg_dist_partition d
                      WHERE d.logicalrelid = c.oid AND d.partmethod IN ('h', 'n')
                        AND NOT (d.partmethod = 'n' AND d.repmodel = 's'))
    ORDER BY (c.oid = 'shared.tenants'::regclass) DESC, (c.oid = 'shared.users'::regclass) DESC,
             a.attname = 'tenant_id' DESC, 1";

/// Creates our functions on all nodes, those that join later too, with their owner and rights: requests call
/// some of them where the shards are.
const CREATE_FUNCTIONS: &str = "
    SELECT create_distributed_function(p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('shared', 'requests') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_dist_object d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid)";

/// Our tables that should be distributed and are not; the reference table first.
pub(crate) async fn undistributed(coordinator: &NodeConnection) -> Result<Vec<LocalTable>, ClusterError> {
    let exists = "SELECT to_regclass('shared.tenants') IS NOT NULL";
    if !coordinator.row("looking for our tables", exists, &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = coordinator.rows("listing tables", LOCAL_TABLES, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let name: String = row.get(0);
            let column = (name != REFERENCE).then(|| row.get(1));
            LocalTable { name, column, bytes: row.get(2) }
        })
        .collect())
}

/// The plan of distributing tables.
pub struct Distribution {
    tables: Vec<LocalTable>,
    /// Distributed tables whose old rows still use disk space on the coordinator, with the bytes.
    leftovers: Vec<(String, i64)>,
    workers: usize,
}

/// Plans the distribution of all tables that are on the coordinator alone.
///
/// # Errors
/// When the cluster has no worker that takes shards, when a job runs, or when a node does not answer.
pub async fn plan_distribution(coordinator: &NodeConnection) -> Result<Distribution, ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    jobs::require_none(coordinator).await?;
    let workers =
        node::list(coordinator).await?.iter().filter(|node| node.group != 0 && node.takes_shards).count();
    if workers == 0 {
        return obstacle(
            "the cluster has no worker that takes shards; run `pigeonhole cluster init --workers \
             HOST:PORT,…` first",
        );
    }
    node::require_all_alive(coordinator, None).await?;
    Ok(Distribution {
        tables: undistributed(coordinator).await?,
        leftovers: leftovers(coordinator).await?,
        workers,
    })
}

/// After a table is distributed, the coordinator keeps its old rows until its local table is truncated.
async fn leftovers(coordinator: &NodeConnection) -> Result<Vec<(String, i64)>, ClusterError> {
    let sql = "SELECT logicalrelid::text, pg_relation_size(logicalrelid) FROM pg_dist_partition d
               WHERE (partmethod = 'h' OR (partmethod = 'n' AND repmodel = 't'))
               AND pg_relation_size(logicalrelid) > 0 ORDER BY 1";
    let rows = coordinator.rows("looking for rows left behind", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

impl Distribution {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.leftovers.is_empty()
    }

    /// For the operator, a line for each table.
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for table in &self.tables {
            let how = match &table.column {
                None => "copied to every node".to_owned(),
                Some(column) if column == "tenant_id" => {
                    format!("spread over {} workers by tenant_id", self.workers)
                }
                Some(column) => format!("spread over {} workers by {column}", self.workers),
            };
            lines.push(format!("{}: {} MB, {how}", table.name, table.bytes >> 20));
        }
        if !self.tables.is_empty() {
            lines.push(
                "all in one transaction: writes wait until it ends, and an error leaves everything as it is"
                    .to_owned(),
            );
        }
        for (table, bytes) in &self.leftovers {
            lines.push(format!(
                "{table}: {} MB on the coordinator that the shards hold too are freed",
                bytes >> 20
            ));
        }
        lines
    }

    /// Distributes the tables, then frees the coordinator's old copies.
    ///
    /// # Errors
    /// When distributing fails: then nothing has changed. When freeing fails: then all tables are
    /// distributed.
    pub async fn run(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        let event = events::begin(coordinator, "distribute", &names.join(", ")).await?;
        let result = self.distribute(coordinator, say).await;
        event.end(coordinator, result).await
    }

    async fn distribute(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        if !self.tables.is_empty() {
            let started = Instant::now();
            retry_on_role_conflict(async || {
                coordinator.run("beginning", "BEGIN").await?;
                let moved = self.move_rows(coordinator, say).await;
                if moved.is_err() {
                    let _ = coordinator.run("rolling back", "ROLLBACK").await;
                }
                moved
            })
            .await?;
            say(&format!("distributed in {:.1} s", started.elapsed().as_secs_f32()));
        }
        pins::install_strategy(coordinator).await?;
        older_names::install(coordinator).await?;
        free(coordinator, say).await
    }

    async fn move_rows(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let run = async |what: &str, sql: &str| coordinator.run_within(TIMEOUT, what, sql).await;
        run("preparing", "SET LOCAL statement_timeout = 0").await?;
        run("preparing", "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'").await?;
        let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        run("locking the tables", &format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", names.join(", ")))
            .await?;
        let before = self.count(coordinator).await?;
        // Citus distributes a table with a foreign key only if the other table is distributed already.
        let keys = self.foreign_keys(coordinator).await?;
        for (table, key, _) in &keys {
            run(&format!("setting {key} aside"), &format!("ALTER TABLE {table} DROP CONSTRAINT {key}"))
                .await?;
        }
        for table in &self.tables {
            run(&format!("distributing {}", table.name), &table.distribute_call()).await?;
        }
        for (table, key, definition) in &keys {
            run(
                &format!("putting {key} back"),
                &format!("ALTER TABLE {table} ADD CONSTRAINT {key} {definition}"),
            )
            .await?;
        }
        // Citus creates a function on the other nodes by itself only where it exists before the function.
        run("creating functions on the workers", CREATE_FUNCTIONS).await?;
        self.require_same_counts(coordinator, &before, say).await?;
        run("committing", "COMMIT").await
    }

    async fn require_same_counts(
        &self,
        coordinator: &NodeConnection,
        before: &[i64],
        say: Say<'_>,
    ) -> Result<(), ClusterError> {
        let after = self.count(coordinator).await?;
        for ((table, before), after) in self.tables.iter().zip(before).zip(&after) {
            if before != after {
                return obstacle(format!(
                    "{} had {before} rows and its shards have {after}; nothing was changed",
                    table.name
                ));
            }
            say(&format!("{}: {after} rows", table.name));
        }
        Ok(())
    }

    async fn count(&self, coordinator: &NodeConnection) -> Result<Vec<i64>, ClusterError> {
        let mut counts = Vec::new();
        for table in &self.tables {
            let sql = format!("SELECT count(*) FROM {}", table.name);
            counts.push(
                coordinator.row_within(TIMEOUT, &format!("counting {}", table.name), &sql, &[]).await?.get(0),
            );
        }
        Ok(counts)
    }

    /// Table, name and definition of each foreign key from or to a table of the plan.
    async fn foreign_keys(
        &self,
        coordinator: &NodeConnection,
    ) -> Result<Vec<(String, String, String)>, ClusterError> {
        let sql = "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
                   FROM pg_constraint
                   WHERE contype = 'f' AND conparentid = 0
                     AND (conrelid::regclass::text = ANY ($1) OR confrelid::regclass::text = ANY ($1))
                   ORDER BY 1, 2";
        let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        let rows = coordinator.rows("listing foreign keys", sql, &[&names]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }
}

/// Truncates the coordinator's local tables. A later run can free the tables that are in use now.
async fn free(coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
    // Citus refuses to truncate a table while a table that references it has local rows: a later round
    // succeeds.
    for _ in 0..3 {
        let left = leftovers(coordinator).await?;
        if left.is_empty() {
            break;
        }
        for (table, bytes) in left {
            let call = format!("SELECT truncate_local_data_after_distributing_table('{table}')");
            match coordinator.run_within(TIMEOUT, &format!("freeing {table}"), &call).await {
                Ok(()) => say(&format!("{table}: freed {} kB on the coordinator", bytes >> 10)),
                Err(error) => log::debug!("{error}"),
            }
        }
    }
    let left = leftovers(coordinator).await?;
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
    obstacle(format!(
        "every row is distributed, and the coordinator's old copies of {} could not be freed, as they are \
         in use; run this again",
        names.join(", ")
    ))
}
