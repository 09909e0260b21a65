//! A latency histogram with logarithmic buckets: four for each doubling, from 64 µs to over a minute. A
//! quantile read from it is accurate to about a tenth.

use std::time::Duration;

pub(super) const BUCKETS: usize = 80;
/// Every latency below 2^6 µs is in the first bucket, which begins at 0.
const SHORTEST_POWER: u32 = 6;
const BUCKETS_OF_A_DOUBLING: usize = 4;

/// The bucket of a latency.
pub(super) fn bucket_of(took: Duration) -> usize {
    let micros = took.as_micros().min(u128::from(u64::MAX)).max(1 << SHORTEST_POWER) as u64;
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    let bucket = (power - SHORTEST_POWER) as usize * BUCKETS_OF_A_DOUBLING + quarter as usize;
    bucket.min(BUCKETS - 1)
}

/// The lower bound of a bucket in milliseconds.
fn lower_bound(bucket: usize) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let doubling = 2_f64.powi((bucket / BUCKETS_OF_A_DOUBLING) as i32 + SHORTEST_POWER as i32);
    doubling * (1.0 + (bucket % BUCKETS_OF_A_DOUBLING) as f64 / BUCKETS_OF_A_DOUBLING as f64) / 1000.0
}

/// The latencies and errors of the requests of some time.
#[derive(Clone, Debug)]
pub struct LatencyHistogram {
    buckets: [u64; BUCKETS],
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and more.
    pub errors: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], client_errors: 0, errors: 0 }
    }
}

impl LatencyHistogram {
    pub(super) fn add(&mut self, bucket: usize, requests: u64) {
        self.buckets[bucket] += requests;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (bucket, requests) in other.buckets.iter().enumerate() {
            self.add(bucket, *requests);
        }
        self.client_errors += other.client_errors;
        self.errors += other.errors;
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The quantile `share` (0.5 is the median) in milliseconds, interpolated within its bucket; `None`
    /// without requests.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (self.requests() as f64 * share).ceil().max(1.0);
        let mut before = 0.0;
        for (bucket, requests) in self
            .buckets
            .iter()
            .map(|requests| *requests as f64)
            .enumerate()
            .filter(|(_, requests)| *requests > 0.0)
        {
            if before + requests >= rank {
                let (begin, end) = (lower_bound(bucket), lower_bound(bucket + 1));
                return Some(begin + (end - begin) * (rank - before) / requests);
            }
            before += requests;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(millis: impl IntoIterator<Item = f64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for time in millis {
            histogram.add(bucket_of(Duration::from_secs_f64(time / 1000.0)), 1);
        }
        histogram
    }

    #[test]
    fn a_latency_is_within_the_bounds_of_its_bucket() {
        for micros in [65, 79, 80, 100, 999, 1_000, 12_345, 1_000_000, 66_000_000] {
            let bucket = bucket_of(Duration::from_micros(micros));
            let millis = micros as f64 / 1000.0;
            assert!(
                lower_bound(bucket) <= millis && millis < lower_bound(bucket + 1),
                "{micros} µs in {bucket}"
            );
        }
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_median_and_the_99th_percentile_are_accurate_to_a_tenth() {
        let many = histogram((1..=1000).map(f64::from));
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = many.quantile(share).expect("requests");
            assert!((found - expected).abs() / expected < 0.13, "{share}: {found} for {expected}");
        }
        let one = histogram([3.0]);
        assert_eq!(one.quantile(0.5), one.quantile(0.99));
        assert_eq!(LatencyHistogram::default().quantile(0.5), None);
    }
}
