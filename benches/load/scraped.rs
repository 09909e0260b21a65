//! The numbers of a server's /metrics. A program without one of them is measured without it.

use std::time::Duration;

use crate::outcome::Outcome;

/// The lines of /metrics at one moment.
#[derive(Clone, Debug, Default)]
pub struct Scraped {
    lines: Vec<(String, f64)>,
}

impl Scraped {
    /// Asks a console for them.
    ///
    /// # Errors
    /// That of the request.
    pub async fn read(console: &str) -> Outcome<Self> {
        let http = crate::http::client().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let text = http.get(format!("{console}/metrics")).send().await?.error_for_status()?.text().await?;
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect();
        Ok(Self { lines })
    }

    /// The sum of all series of a name that have these labels; none if there is no such series.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let matches = |series: &str| {
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            found == name && labels.iter().all(|label| rest.contains(label))
        };
        let values: Vec<f64> =
            self.lines.iter().filter(|(series, _)| matches(series)).map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Round trips to the database. A program without the counter of calls counts those of tenants.
    pub fn round_trips(&self) -> Option<f64> {
        self.sum("pigeonhole_database_calls_total", &[])
            .or_else(|| self.sum("pigeonhole_routing_statements_total", &[]))
    }

    /// Answers of a route with this status.
    pub fn answers(&self, method: &str, route: &str, status: &str) -> f64 {
        let labels = [("method", method), ("route", route), ("status", status)];
        self.sum("pigeonhole_http_request_duration_seconds_count", &labels).unwrap_or(0.0)
    }

    /// Whether the program counts answers.
    pub fn counts_answers(&self) -> bool {
        self.lines.iter().any(|(series, _)| series.starts_with("pigeonhole_http_request_duration_seconds"))
    }
}
