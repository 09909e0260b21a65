//! `pigeonhole cluster` on real Citus servers: databases of the tests' own on the nodes that TEST_CITUS_NODES
//! names.

mod blockers;
mod distribute;
mod http_load;
mod node_failures;
pub mod nodes;
mod reads_after_moves;
mod scaling;
pub mod sql_load;
mod status;
mod tenant_routing;

/// Ends a test that needs Citus where there is none, loudly.
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
