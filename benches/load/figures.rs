//! The medians of a row over its rounds.

use serde::Serialize;

use crate::logins::LoginFigures;
use crate::measure::Round;
use crate::rows::RowDescription;

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct RowFigures {
    pub name: &'static str,
    pub label: &'static str,
    pub yardstick: Option<&'static str>,
    pub requests_per_second: f64,
    /// Half the distance of the slowest and the fastest round, in percent of the median.
    pub spread_percent: f64,
    /// Requests a second to those of the yardstick.
    pub ratio: Option<f64>,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p99_to_p50: f64,
    pub kb_per_answer: Option<f64>,
    pub server_us: Option<f64>,
    pub database_us: f64,
    pub round_trips: Option<f64>,
    /// The sum of all rounds.
    pub errors: u64,
    pub refused: u64,
    pub rounds: Vec<Round>,
}

/// The middle value, or the mean of both.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        length => (values[(length - 1) / 2] + values[length / 2]) / 2.0,
    }
}

/// The median of values that every round has; none if one lacks it.
fn median_of(rounds: &[Round], value: fn(&Round) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = rounds.iter().filter_map(value).collect();
    (!values.is_empty() && values.len() == rounds.len()).then(|| median(values.into_iter()))
}

impl RowFigures {
    fn of(row: &RowDescription, rounds: Vec<Round>) -> Self {
        let each = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        let rates = rounds.iter().map(|round| round.requests_per_second);
        let (slowest, fastest) =
            rates.fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(rate), most.max(rate)));
        let rate = each(|round| round.requests_per_second);
        Self {
            name: row.name,
            label: row.label,
            yardstick: row.yardstick,
            requests_per_second: rate,
            spread_percent: 50.0 * (fastest - slowest).max(0.0) / rate.max(1e-9),
            ratio: None,
            p50_ms: each(|round| round.p50_ms),
            p99_ms: each(|round| round.p99_ms),
            p99_to_p50: each(|round| round.p99_ms / round.p50_ms.max(1e-3)),
            kb_per_answer: median_of(&rounds, |round| round.kb_per_answer),
            server_us: median_of(&rounds, |round| round.server_us),
            database_us: each(|round| round.database_us),
            round_trips: median_of(&rounds, |round| round.round_trips),
            errors: rounds.iter().map(|round| round.errors).sum(),
            refused: rounds.iter().map(|round| round.refused).sum(),
            rounds,
        }
    }

    /// Answers that were wrong, or missing.
    pub fn wrong(&self) -> u64 {
        self.errors.saturating_sub(self.refused)
    }

    /// The medians of the logins, for the row that has them.
    pub fn login(&self) -> Option<LoginFigures> {
        let logins: Vec<LoginFigures> = self.rounds.iter().filter_map(|round| round.login).collect();
        let each = |value: fn(&LoginFigures) -> f64| median(logins.iter().map(value));
        (!logins.is_empty()).then(|| LoginFigures {
            hashes_per_second: each(|login| login.hashes_per_second),
            hash_seconds: each(|login| login.hash_seconds),
            share_of_cores: each(|login| login.share_of_cores),
            quiet_p50_ms: each(|login| login.quiet_p50_ms),
            quiet_p99_ms: each(|login| login.quiet_p99_ms),
            meanwhile_p50_ms: each(|login| login.meanwhile_p50_ms),
            meanwhile_p99_ms: each(|login| login.meanwhile_p99_ms),
        })
    }
}

/// All rows, with their ratios to their yardsticks.
pub fn figures_of(measured: Vec<(&RowDescription, Vec<Round>)>) -> Vec<RowFigures> {
    let mut figures: Vec<RowFigures> =
        measured.into_iter().map(|(row, rounds)| RowFigures::of(row, rounds)).collect();
    let rates: Vec<(&str, f64)> = figures.iter().map(|row| (row.name, row.requests_per_second)).collect();
    for row in &mut figures {
        let yardstick = row.yardstick.and_then(|name| rates.iter().find(|(other, _)| *other == name));
        row.ratio = yardstick.map(|(_, rate)| row.requests_per_second / rate.max(1e-9));
    }
    figures
}
