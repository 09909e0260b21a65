//! What the attackers got, and what the server failed to do beside serving others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::numbers::counts;

/// The answers to attackers, with remarks and findings.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub statuses: BTreeMap<u16, usize>,
    /// Figures for the table.
    pub remarks: Vec<String>,
    /// Reasons why the server did not hold.
    pub failures: Vec<String>,
}

/// How long the server kept the attackers' connections open.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// When the last one was closed; none if some stayed open.
    pub after: Option<Duration>,
    /// How many stayed open.
    pub left: usize,
    /// How long it was waited for.
    pub deadline: Duration,
}

impl Tally {
    /// Counts an answer; 0 stands for none.
    pub fn count(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    /// Adds what others got.
    pub fn merge(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.remarks.extend(other.remarks);
        self.failures.extend(other.failures);
    }

    /// Adds a figure for the table.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Adds a reason why the server did not hold, unless this is as it should be.
    pub fn require(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.failures.push(otherwise.into());
        }
    }

    /// The server has to close every connection of an attacker by the deadline.
    pub fn require_closed(&mut self, closing: Closing) {
        match closing.after {
            Some(after) => self.remark(format!("closed after {:.0} s", after.as_secs_f64())),
            None => self.failures.push(format!(
                "{} connections open after {} s",
                closing.left,
                closing.deadline.as_secs()
            )),
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answers = if self.statuses.is_empty() { Vec::new() } else { vec![counts(&self.statuses)] };
        formatter.write_str(&[answers, self.remarks.clone()].concat().join("; "))
    }
}
