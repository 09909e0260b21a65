//! Gives a tenant a shard of its own, on the node with the fewest bytes, and pins it there.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::address::HostPort;
use super::error::{ClusterError, obstacle};
use super::node::{self, ClusterNode};
use super::node_connection::{self, NodeConnection};
use super::say::Say;
use super::sizes::{self, Bundles};
use super::{blockers, events, jobs, pins, preflight};

/// A split or move that takes longer hangs, because it waits for transactions that do not end.
const SPLIT_TIMEOUT: Duration = Duration::from_secs(3600);
/// How often to check whether a transaction blocks the split or move.
const CHECK_INTERVAL: Duration = Duration::from_secs(4);

/// The arguments of [`plan_isolation`].
pub struct IsolationRequest {
    pub tenant: i64,
    /// The target worker; by default the one with the fewest bytes.
    pub to: Option<HostPort>,
    /// Whether the next rebalance moves all other shards away from that worker.
    pub alone: bool,
}

/// The shard of shared.users that holds a tenant.
struct TenantShard {
    id: i64,
    colocation: i32,
    /// The range of hash values; equal when the tenant has the shard for itself.
    low: i32,
    high: i32,
    /// The node group that holds it.
    group: i32,
}

/// The plan of isolating a tenant.
pub struct Isolation {
    request: IsolationRequest,
    shard: TenantShard,
    from: ClusterNode,
    to: ClusterNode,
    bytes: i64,
}

const TENANT_SHARD: &str = "
    SELECT s.shardid, t.colocationid, s.shardminvalue::int, s.shardmaxvalue::int, p.groupid
    FROM pg_dist_shard s JOIN pg_dist_partition t USING (logicalrelid)
    JOIN pg_dist_placement p USING (shardid)
    WHERE s.shardid = get_shard_id_for_distribution_column('shared.users', $1::bigint)";

async fn tenant_shard(coordinator: &NodeConnection, tenant: i64) -> Result<TenantShard, ClusterError> {
    let row = coordinator.row("finding the tenant's shard", TENANT_SHARD, &[&tenant]).await?;
    Ok(TenantShard {
        id: row.get(0),
        colocation: row.get(1),
        low: row.get(2),
        high: row.get(3),
        group: row.get(4),
    })
}

/// Plans the isolation of a tenant.
///
/// # Errors
/// When the tenant does not exist, when a job runs, when a node does not answer or has unfit settings, or
/// when the target takes no shards.
pub async fn plan_isolation(
    coordinator: &NodeConnection,
    request: IsolationRequest,
) -> Result<Isolation, ClusterError> {
    coordinator.require_cluster().await?;
    coordinator.require_superuser().await?;
    jobs::require_none(coordinator).await?;
    require_distributed_tenant(coordinator, request.tenant).await?;
    node::require_all_alive(coordinator, None).await?;
    require_decoding(coordinator).await?;
    preflight::require_safe_commits(coordinator).await?;
    let shard = tenant_shard(coordinator, request.tenant).await?;
    let nodes = node::list(coordinator).await?;
    let bundles = sizes::bundles(coordinator).await?;
    let Some(from) = nodes.iter().find(|node| node.group == shard.group).cloned() else {
        return obstacle(
            "the tenant's shard is on a node that is not listed; see `pigeonhole cluster status`",
        );
    };
    let to = match &request.to {
        Some(address) => node::worker(coordinator, address).await?,
        None => emptiest(&nodes, &bundles, &from),
    };
    if !to.takes_shards {
        return obstacle(format!("{} takes no shards (drained); choose another node", to.address));
    }
    let bytes = bundles.bytes_with(shard.id);
    Ok(Isolation { request, shard, from, to, bytes })
}

async fn require_distributed_tenant(coordinator: &NodeConnection, tenant: i64) -> Result<(), ClusterError> {
    let exists = "SELECT EXISTS (SELECT FROM shared.tenants WHERE id = $1)";
    if !coordinator.row("looking for the tenant", exists, &[&tenant]).await?.get::<_, bool>(0) {
        return obstacle(format!("there is no tenant {tenant}"));
    }
    let distributed = "SELECT EXISTS (SELECT FROM pg_dist_partition \
        WHERE logicalrelid = 'shared.users'::regclass AND partmethod = 'h')";
    if !coordinator.row("looking at the tables", distributed, &[]).await?.get::<_, bool>(0) {
        return obstacle("the tables are not distributed; run `pigeonhole cluster distribute` first");
    }
    Ok(())
}

/// Newer PostgreSQL allows only listed plugins to decode the WAL. Without Citus' a split fails half-way.
async fn require_decoding(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    for node in node::list(coordinator).await? {
        let connection = NodeConnection::node(coordinator.config(), &node.address).await?;
        let sql = "SELECT coalesce(current_setting('output_plugin_libraries', true), 'citus') !~ \
            '\\mcitus\\M', current_setting('wal_level')";
        let row = connection.row("looking at the settings", sql, &[]).await?;
        if row.get(0) {
            return obstacle(format!(
                "{} does not let Citus decode its log; there: ALTER SYSTEM \
                 SET output_plugin_libraries = pgoutput, test_decoding, citus; SELECT pg_reload_conf();",
                node.address
            ));
        }
        if row.get::<_, &str>(1) != "logical" {
            return obstacle(format!(
                "{} has wal_level = {}; set it to logical and restart that server",
                node.address,
                row.get::<_, &str>(1)
            ));
        }
    }
    Ok(())
}

/// The worker with the fewest bytes. The present node, if it takes shards and no worker has less than 90 % of
/// its bytes.
fn emptiest(nodes: &[ClusterNode], bundles: &Bundles, from: &ClusterNode) -> ClusterNode {
    let best = nodes
        .iter()
        .filter(|node| node.takes_shards && node.active && node.group != 0)
        .min_by_key(|node| bundles.bytes_on(node.group));
    match best {
        Some(best)
            if !from.takes_shards || bundles.bytes_on(best.group) * 10 < bundles.bytes_on(from.group) * 9 =>
        {
            best.clone()
        }
        _ => from.clone(),
    }
}

impl Isolation {
    /// For the operator, a line for each step.
    pub fn describe(&self) -> Vec<String> {
        let tenant = self.request.tenant;
        let mut lines = Vec::new();
        if self.is_split() {
            lines.push(format!(
                "tenant {tenant} has shard {} for itself already, on {}",
                self.shard.id, self.from.address
            ));
        } else {
            let (shard, node) = (self.shard.id, &self.from.address);
            lines.push(format!(
                "split shard {shard} ({} MB with its companions) on {node}, so that tenant {tenant} has one \
                 for itself",
                self.bytes >> 20
            ));
        }
        if self.from.group != self.to.group {
            lines.push(format!("move that shard to {}, which has more room", self.to.address));
        }
        let alone = if self.request.alone {
            ", and keep other shards off that node from the next rebalance on"
        } else {
            ""
        };
        lines.push(format!("pin it to {}{alone}", self.to.address));
        lines
    }

    fn is_split(&self) -> bool {
        self.shard.low == self.shard.high
    }

    /// Splits, moves and pins the shard. Writes of the shard's tenants wait during the split, and for a
    /// moment at the end of the move.
    ///
    /// # Errors
    /// When a step fails. A second run continues after the last step that succeeded.
    pub async fn run(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let event = events::begin(
            coordinator,
            "isolate-tenant",
            &format!("tenant {} to {}", self.request.tenant, self.to.address),
        )
        .await?;
        let result = self.isolate(coordinator, say).await;
        event.end(coordinator, result).await
    }

    async fn isolate(&self, coordinator: &NodeConnection, say: Say<'_>) -> Result<(), ClusterError> {
        let tenant = self.request.tenant;
        if !self.is_split() {
            // The function takes "any", whose type a bind parameter does not have. Writes wait for the whole
            // split: a split that replicates hangs for ever if a row is updated between the creation of its
            // replication slots and that of the primary keys of the new shards (Citus 13.2,
            // NonBlockingShardSplit, steps 6 and 7), and every write of a note updates `tenant_usage`.
            let call = format!(
                "SELECT isolate_tenant_to_new_shard('shared.users', {tenant}::bigint, 'CASCADE', \
                 'block_writes')"
            );
            let what = format!("splitting shard {}", self.shard.id);
            run_online(coordinator, &what, &call, say).await?;
        }
        let shard = tenant_shard(coordinator, tenant).await?;
        pins::install_strategy(coordinator).await?;
        if shard.group != self.to.group {
            // A new worker has the reference tables only after its first rebalance.
            run_online(
                coordinator,
                "copying reference tables",
                "SELECT replicate_reference_tables('auto')",
                say,
            )
            .await?;
            let call = format!(
                "SELECT citus_move_shard_placement({}, {}, {}, 'auto')",
                shard.id, self.from.id, self.to.id
            );
            run_online(coordinator, &format!("moving shard {} to {}", shard.id, self.to.address), &call, say)
                .await?;
        }
        pins::pin(coordinator, shard.colocation, shard.low, tenant, self.to.group, self.request.alone)
            .await?;
        say(&format!("tenant {tenant} has shard {} for itself, pinned to {}", shard.id, self.to.address));
        Ok(())
    }
}

/// Runs a long statement over its own connection. Reports the elapsed time and the transactions that block
/// it. Cancels the statement at Ctrl-C and after [`SPLIT_TIMEOUT`].
async fn run_online(
    coordinator: &NodeConnection,
    what: &str,
    call: &str,
    say: Say<'_>,
) -> Result<(), ClusterError> {
    let connection = NodeConnection::coordinator(coordinator.config()).await?;
    let token = connection.cancel_token();
    // Sent by itself, because Citus refuses its transfer functions beside other statements.
    connection.run("preparing", "SET statement_timeout = 0; SET lock_timeout = '30s'").await?;
    let started = Instant::now();
    say(what);
    let mut work = Box::pin(connection.run_within(SPLIT_TIMEOUT, what, call));
    let mut checks = tokio::time::interval(CHECK_INTERVAL);
    checks.tick().await;
    let (mut count, mut reported) = (0, HashSet::new());
    loop {
        tokio::select! {
            result = &mut work => {
                result?;
                say(&format!("    done in {:.1} s", started.elapsed().as_secs_f32()));
                return Ok(());
            }
            _ = checks.tick() => {
                report_blockers(coordinator, &mut reported, say).await;
                count += 1;
                if count % 3 == 0 {
                    say(&format!("    {} s so far", started.elapsed().as_secs()));
                }
            }
            _ = tokio::signal::ctrl_c() => {
                node_connection::cancel(token.clone()).await;
                let _ = work.await;
                return obstacle(format!("{what} was interrupted and is undone by Citus; run the command \
                    again to go on"));
            }
        }
    }
}

/// Reports each transaction that blocks the statement, but only once.
async fn report_blockers(coordinator: &NodeConnection, reported: &mut HashSet<String>, say: Say<'_>) {
    for blocker in blockers::on_all_nodes(coordinator).await {
        if reported.insert(blocker.name()) {
            say(&format!("    WAITING: {}. {}", blocker.finding(), blocker.remedy()));
        }
    }
}

/// Deletes a tenant's pins. The tenant keeps its own shard, which rebalances may move again. Returns the
/// number of pins.
///
/// # Errors
/// When the coordinator does not answer or is not a cluster's.
pub async fn unpin(coordinator: &NodeConnection, tenant: i64) -> Result<usize, ClusterError> {
    coordinator.require_cluster().await?;
    let event = events::begin(coordinator, "isolate-tenant --unpin", &format!("tenant {tenant}")).await?;
    let removed = pins::remove(coordinator, tenant).await;
    event.end(coordinator, removed).await
}
