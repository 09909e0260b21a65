//! The SQL statements that `store` hands to a tenant's handle.

use super::value::Value;

/// A statement of the store, prepared once on each connection.
pub(crate) struct Statement {
    /// Its text, with `$1` always the tenant where the table belongs to tenants.
    pub(crate) sql: &'static str,
    /// Whether Citus keeps no plan of it that would have to be prevented.
    pub(super) keeps_no_plan: bool,
}

impl Statement {
    /// A statement with this text.
    pub(crate) const fn new(sql: &'static str) -> Self {
        Self { sql, keeps_no_plan: false }
    }

    /// An INSERT of one row whose id is the next number of a sequence, for which Citus makes a plan each time
    /// in any case.
    pub(crate) const fn inserting(sql: &'static str) -> Self {
        Self { sql, keeps_no_plan: true }
    }

    /// Whether it may run twice without a difference.
    pub(super) fn only_reads(&self) -> bool {
        let does_more = ["FOR UPDATE", "FOR SHARE", "pg_notify("].iter().any(|word| self.sql.contains(word));
        self.sql.trim_start().starts_with("SELECT") && !does_more
    }
}

/// A statement with its values.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) statement: &'static Statement,
    pub(crate) values: &'a [&'a dyn Value],
}
