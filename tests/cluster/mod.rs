//! `pigeonhole cluster` on real Citus servers: databases of the tests' own on the nodes that TEST_CITUS_NODES
//! names.

mod distribute;
mod faults;
mod growth;
mod http_load;
pub mod load;
mod moves;
pub mod nodes;
mod routed;
mod status;
mod waiting;

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
