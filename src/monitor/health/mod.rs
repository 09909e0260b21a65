//! Turns the state of the database into verdicts: a line for everything that was checked, with a remedy where
//! something is wrong.

mod cluster;
mod findings;
mod healthy;
mod node;

pub(super) use findings::HealthInput;

use super::report::Verdict;
use findings::Findings;

/// Checks everything. Every subject has a verdict, the worst first.
pub(super) fn check(input: &HealthInput<'_>) -> Vec<Verdict> {
    let mut findings = Findings::default();
    for state in input.states {
        node::check(&mut findings, state);
        if let Some(details) = &state.details {
            node::check_details(&mut findings, &state.address, details);
        }
    }
    node::check_versions(&mut findings, input.states);
    if input.cluster.citus {
        cluster::check(&mut findings, input);
    }
    findings.add_healthy(healthy::lines(input));
    findings.sorted()
}
