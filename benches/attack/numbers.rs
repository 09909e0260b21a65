//! Answers that a client got, as counts and percentiles.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::percentile::percentile;

/// What came back for one request: the status, 0 for none, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub status: u16,
    pub time: Duration,
}

/// The answers to one kind of request.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    pub all: Vec<Sample>,
    /// The statuses that count as served.
    pub good: Vec<u16>,
}

impl Samples {
    /// None yet.
    pub fn expecting(good: &[u16]) -> Self {
        Self { all: Vec::new(), good: good.to_vec() }
    }

    /// Adds an answer.
    pub fn add(&mut self, status: u16, time: Duration) {
        self.all.push(Sample { status, time });
    }

    /// How many were served within this time.
    pub fn served_within(&self, limit: Duration) -> usize {
        self.all.iter().filter(|sample| self.is_good(sample) && sample.time <= limit).count()
    }

    /// How many were not served, however late.
    pub fn failures(&self) -> usize {
        self.all.iter().filter(|sample| !self.is_good(sample)).count()
    }

    /// The time that this share of the requests took at most, failed ones included.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut times: Vec<Duration> = self.all.iter().map(|sample| sample.time).collect();
        percentile(&mut times, share)
    }

    fn is_good(&self, sample: &Sample) -> bool {
        self.good.contains(&sample.status)
    }
}

impl std::fmt::Display for Samples {
    /// `200 ×60 3/8/12`: statuses with their counts, then median, 99th percentile and longest in ms.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.all.is_empty() {
            return formatter.write_str("-");
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for sample in &self.all {
            *statuses.entry(sample.status).or_default() += 1;
        }
        let milliseconds = |share| self.percentile(share).as_millis();
        write!(
            formatter,
            "{}; {}/{}/{}",
            counts(&statuses),
            milliseconds(0.5),
            milliseconds(0.99),
            milliseconds(1.0)
        )
    }
}

/// `200 ×3, 503 ×2, none ×1`.
pub fn counts(statuses: &BTreeMap<u16, usize>) -> String {
    let name = |status: u16| if status == 0 { "none".to_owned() } else { status.to_string() };
    let parts = statuses.iter().map(|(status, count)| format!("{} ×{count}", name(*status)));
    parts.collect::<Vec<_>>().join(", ")
}

/// The answers to everyone but the attackers.
#[derive(Clone, Debug)]
pub struct Seen {
    pub livez: Samples,
    pub page: Samples,
    pub login: Samples,
    pub newcomers: Samples,
}
