//! `pigeonhole cluster` and tenant routing on the Citus servers in TEST_CITUS_NODES.

mod blockers;
mod coordinator_crash;
mod dead_worker;
mod distribute;
mod http_load;
mod moving_shards;
mod node_failures;
pub mod nodes;
mod restore_point;
mod scaling;
mod sign_up_load;
pub mod sql_load;
mod status;
mod tenant_routing;

/// Skips a test that needs Citus where it is not installed.
macro_rules! citus_or_skip {
    () => {
        match super::nodes::Nodes::create().await {
            Some(nodes) => nodes,
            None => {
                crate::support::environment::skipped("there is no Citus");
                return;
            }
        }
    };
}
use citus_or_skip;
