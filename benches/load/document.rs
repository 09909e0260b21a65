//! The result as JSON; bin/bench --help describes it.

use std::path::Path;

use serde::Serialize;

use crate::circumstances::Circumstances;
use crate::figures::RowFigures;
use crate::goals::Goal;
use crate::logins::LoginFigures;
use crate::outcome::Outcome;

/// The number of the format, which grows when a field changes its meaning.
const FORMAT: u32 = 1;

/// How cold a set of sessions was.
#[derive(Clone, Debug, Serialize)]
pub struct ColdSessions {
    pub row: &'static str,
    /// The sessions that were used, each once.
    pub sessions: u64,
    /// The shortest time between two uses of one of them.
    pub shortest_pause_s: Option<f64>,
    /// Sessions that the server did not look up in the database; none if it does not count them.
    pub remembered: Option<f64>,
}

/// The whole result.
#[derive(Serialize)]
pub struct Document<'a> {
    pub format: u32,
    pub circumstances: &'a Circumstances,
    pub connections: usize,
    pub rounds: usize,
    pub seconds: u64,
    pub tenants: i64,
    /// Readers of each tenant.
    pub users: i64,
    pub rows: &'a [RowFigures],
    pub cold: &'a [ColdSessions],
    pub login: Option<LoginFigures>,
    pub goals: &'a [Goal],
}

impl Document<'_> {
    /// The number of the format.
    pub const fn format() -> u32 {
        FORMAT
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, path: &Path) -> Outcome<()> {
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }
}
