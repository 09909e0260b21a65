//! A value of a statement. It can be bound to a prepared statement, and what cannot hide a quote can also be
//! written into a text.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use tokio_postgres::types::ToSql;

/// A value of a statement.
pub(crate) trait Value: Sync {
    /// The value as it is bound.
    fn bound(&self) -> &(dyn ToSql + Sync);

    /// Adds the value as a literal, and says false where this is nothing but numbers, digits and times: texts
    /// are only ever bound.
    fn write(&self, _text: &mut String) -> bool {
        false
    }
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn bound(&self) -> &(dyn ToSql + Sync) {
                self
            }
            fn write(&self, text: &mut String) -> bool {
                write!(text, "{self}").is_ok()
            }
        }
    )*};
}
macro_rules! bound_only {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn bound(&self) -> &(dyn ToSql + Sync) {
                self
            }
        }
    )*};
}
plain!(i64, i32, bool);
bound_only!(
    &str,
    String,
    Option<&str>,
    Option<String>,
    Option<i32>,
    Option<i64>,
    Option<DateTime<Utc>>,
    Vec<u8>,
    &[Vec<u8>]
);

impl Value for &[u8] {
    fn bound(&self) -> &(dyn ToSql + Sync) {
        self
    }

    fn write(&self, text: &mut String) -> bool {
        text.push_str("'\\x");
        let digits = self.iter().try_for_each(|byte| write!(text, "{byte:02x}"));
        text.push('\'');
        digits.is_ok()
    }
}

impl Value for &[i64] {
    fn bound(&self) -> &(dyn ToSql + Sync) {
        self
    }

    fn write(&self, text: &mut String) -> bool {
        let numbers: Vec<String> = self.iter().map(ToString::to_string).collect();
        write!(text, "'{{{}}}'", numbers.join(",")).is_ok()
    }
}

impl Value for DateTime<Utc> {
    fn bound(&self) -> &(dyn ToSql + Sync) {
        self
    }

    fn write(&self, text: &mut String) -> bool {
        write!(text, "'{}'", self.format("%Y-%m-%d %H:%M:%S%.6f+00")).is_ok()
    }
}
