//! The goals of the project, and what was reached of them.

use serde::Serialize;

use crate::figures::RowFigures;

/// The ratios to the yardstick that rows should have, on Citus with two workers.
const RATIOS_ON_CITUS: [(&str, f64); 5] =
    [("api-cold", 1.4), ("page-cold", 1.3), ("api", 2.2), ("page", 2.0), ("post-cold", 1.0)];
/// The same on plain PostgreSQL.
const RATIOS_ON_PLAIN: [(&str, f64); 1] = [("api", 0.6)];
/// The rows whose slowest answers are compared with the usual ones.
const STEADY: [&str; 5] = ["api-cold", "page-cold", "api", "page", "post-cold"];
const MOST_P99_TO_P50: f64 = 3.0;
const MOST_DATABASE_MICROS: f64 = 200.0;
/// Percent of the cores.
const LEAST_HASHING: f64 = 95.0;
const MOST_MEANWHILE: f64 = 3.0;
const LEAST_ROUTING: f64 = 2.0;
const LEAST_CONSOLE: f64 = 0.97;

/// A goal and what was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    pub name: String,
    pub wanted: f64,
    /// Else at most.
    pub at_least: bool,
    pub measured: f64,
    pub reached: bool,
}

impl Goal {
    fn at_least(name: String, wanted: f64, measured: f64) -> Self {
        Self { name, wanted, at_least: true, measured, reached: measured >= wanted }
    }

    fn at_most(name: String, wanted: f64, measured: f64) -> Self {
        Self { name, wanted, at_least: false, measured, reached: measured <= wanted }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = if self.at_least { "at least" } else { "at most" };
        let reached = if self.reached { "reached" } else { "not reached" };
        let Self { name, wanted, measured, .. } = self;
        write!(formatter, "- goal: {name} {bound} {wanted}; measured {measured:.2}: {reached}")
    }
}

/// The ratio that a row should have, if there is such a goal.
pub fn wanted_ratio(row: &str, citus: bool) -> Option<f64> {
    let ratios = if citus { RATIOS_ON_CITUS.as_slice() } else { RATIOS_ON_PLAIN.as_slice() };
    ratios.iter().find(|(name, _)| *name == row).map(|(_, wanted)| *wanted)
}

/// The goals of the rows that were measured.
pub fn goals_of(figures: &[RowFigures], citus: bool) -> Vec<Goal> {
    let row = |name: &str| figures.iter().find(|row| row.name == name);
    let mut goals = Vec::new();
    for row in figures {
        if let (Some(wanted), Some(ratio)) = (wanted_ratio(row.name, citus), row.ratio) {
            let yardstick = figures.iter().find(|other| Some(other.name) == row.yardstick);
            let yardstick = yardstick.map_or("", |other| other.label);
            goals.push(Goal::at_least(format!("{}, to {yardstick}", row.label), wanted, ratio));
        }
    }
    for row in figures.iter().filter(|row| STEADY.contains(&row.name)) {
        let name = format!("{}, p99 to p50", row.label);
        goals.push(Goal::at_most(name, MOST_P99_TO_P50, row.p99_to_p50));
    }
    if let Some(row) = row("api-cold").filter(|_| citus) {
        let name = format!("{}, database µs", row.label);
        goals.push(Goal::at_most(name, MOST_DATABASE_MICROS, row.database_us));
    }
    for (name, other, wanted, text) in [
        ("api", "routing-off", LEAST_ROUTING, "GET /api/notes, routing on to routing off"),
        ("console", "api", LEAST_CONSOLE, "GET /api/notes, the console open to not"),
    ] {
        if let (Some(row), Some(other)) = (row(name), row(other)) {
            let ratio = row.requests_per_second / other.requests_per_second.max(1e-9);
            goals.push(Goal::at_least(text.to_owned(), wanted, ratio));
        }
    }
    if let Some(login) = row("login").and_then(RowFigures::login) {
        let share = "percent of the cores that hash passwords in a flood of logins".to_owned();
        goals.push(Goal::at_least(share, LEAST_HASHING, 100.0 * login.share_of_cores));
        let slower = login.meanwhile_p99_ms / login.quiet_p99_ms.max(1e-3);
        let name = "GET /notes in a flood of logins, p99 to that without".to_owned();
        goals.push(Goal::at_most(name, MOST_MEANWHILE, slower));
    }
    goals
}
