//! What is kept so that a day and two weeks can be seen. Any number of processes may sample at once: a minute has one sample,
//! whoever writes it.

use std::sync::Arc;
use std::time::Duration;

use super::nodes::Nodes;
use super::tenants::Load;
use crate::cluster::error::ClusterError;
use crate::cluster::session::Session;

/// Citus counts by the minute.
const EVERY: Duration = Duration::from_secs(60);
/// Tenants that are kept of a minute.
const MOST_TENANTS: usize = 100;

// What is read counts this minute and the last; the last is whole, so it is the one that is kept.
const LAST_MINUTE: &str = "
    SELECT tenant_attribute::bigint, (SELECT groupid FROM pg_dist_local_group), sum(query_count_in_last_period)::bigint,
           sum(cpu_usage_in_last_period)::float8
    FROM citus_stat_tenants_local()
    WHERE tenant_attribute ~ '^[0-9]{1,18}$'
      AND colocation_id = (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = to_regclass('shared.users'))
    GROUP BY 1 HAVING sum(query_count_in_last_period) > 0";
const KEEP: &str = "
    INSERT INTO operator.tenant_samples (at, tenant, groupid, queries, cpu_seconds)
    SELECT date_trunc('minute', now()), * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::float8[])
    ON CONFLICT DO NOTHING";
const FORGET: &str = "DELETE FROM operator.tenant_samples WHERE at < now() - interval '14 days'";

/// Samples until it is aborted.
pub async fn sample_for_ever(nodes: Arc<Nodes>) {
    loop {
        // At the end of a minute, so that processes that sample together name the same one.
        let past = chrono::Utc::now().timestamp_millis().rem_euclid(60_000);
        tokio::time::sleep(EVERY - Duration::from_millis(u64::try_from(past).unwrap_or_default())).await;
        if let Err(error) = sample(&nodes).await {
            log::debug!("no sample was kept: {error}");
        }
    }
}

/// A tenant's minute on a group.
struct Minute {
    group: i32,
    load: Load,
}

async fn sample(nodes: &Nodes) -> Result<(), ClusterError> {
    let cluster = nodes.list().await?;
    if !cluster.citus || cluster.stale.is_some() {
        return Ok(());
    }
    let answers = nodes.everywhere(&cluster.nodes, async |session, _| minutes(session).await).await;
    let mut minutes: Vec<Minute> = answers.into_iter().filter_map(|answer| answer.result.ok()).flatten().collect();
    minutes.sort_by(|a, b| b.load.cpu_seconds.total_cmp(&a.load.cpu_seconds));
    minutes.truncate(MOST_TENANTS);
    nodes.coordinator(async |session| keep(session, &minutes).await).await
}

async fn minutes(session: &Session) -> Result<Vec<Minute>, ClusterError> {
    let rows = session.rows("looking at tenants", LAST_MINUTE, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let load = Load { tenant: row.get(0), colocation: 0, hash: 0, queries: row.get(2), cpu_seconds: row.get(3) };
            Minute { group: row.get(1), load }
        })
        .collect())
}

async fn keep(coordinator: &Session, minutes: &[Minute]) -> Result<(), ClusterError> {
    let tenants: Vec<i64> = minutes.iter().map(|minute| minute.load.tenant).collect();
    let groups: Vec<i32> = minutes.iter().map(|minute| minute.group).collect();
    let queries: Vec<i64> = minutes.iter().map(|minute| minute.load.queries).collect();
    let cpu: Vec<f64> = minutes.iter().map(|minute| minute.load.cpu_seconds).collect();
    coordinator.run("beginning", "BEGIN READ WRITE").await?;
    let kept = async {
        coordinator.rows("keeping samples", KEEP, &[&tenants, &groups, &queries, &cpu]).await?;
        coordinator.run("forgetting samples", FORGET).await?;
        // What jobs have done since is written into the list of events, also where the command that began them is gone.
        crate::cluster::events::settle_jobs(coordinator).await
    }
    .await;
    coordinator.run("ending", if kept.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    kept
}
