//! How long requests took, counted in slots of fixed width on a logarithmic scale: four to each doubling,
//! from 64 µs to over a minute. What is read off them is right to a tenth or so.

use std::time::Duration;

/// Slots for times.
pub(super) const SLOTS: usize = 80;
/// Everything shorter is in the first slot, which begins at nothing.
const SHORTEST_POWER: u32 = 6;
const SLOTS_OF_A_DOUBLING: usize = 4;

/// The slot of a time.
pub(super) fn slot_of(took: Duration) -> usize {
    let micros = took.as_micros().min(u128::from(u64::MAX)).max(1 << SHORTEST_POWER) as u64;
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    let slot = (power - SHORTEST_POWER) as usize * SLOTS_OF_A_DOUBLING + quarter as usize;
    slot.min(SLOTS - 1)
}

/// Where a slot begins, in milliseconds.
fn begin_of(slot: usize) -> f64 {
    if slot == 0 {
        return 0.0;
    }
    let doubling = 2_f64.powi((slot / SLOTS_OF_A_DOUBLING) as i32 + SHORTEST_POWER as i32);
    doubling * (1.0 + (slot % SLOTS_OF_A_DOUBLING) as f64 / SLOTS_OF_A_DOUBLING as f64) / 1000.0
}

/// Requests counted over some time.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    slots: [u64; SLOTS],
    /// Answers of 400 to 499.
    pub(super) client_errors: u64,
    /// Answers of 500 and more.
    pub(super) errors: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { slots: [0; SLOTS], client_errors: 0, errors: 0 }
    }
}

impl Sum {
    /// Adds requests that are in one slot.
    pub(super) fn add(&mut self, slot: usize, requests: u64) {
        self.slots[slot] += requests;
    }

    /// Adds all of another.
    pub(super) fn merge(&mut self, other: &Self) {
        for (slot, requests) in other.slots.iter().enumerate() {
            self.add(slot, *requests);
        }
        self.client_errors += other.client_errors;
        self.errors += other.errors;
    }

    /// All requests.
    pub(super) fn requests(&self) -> u64 {
        self.slots.iter().sum()
    }

    /// The time, in milliseconds, that this share of the requests did not exceed; none without requests.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (self.requests() as f64 * share).ceil().max(1.0);
        let mut before = 0.0;
        for (slot, requests) in self
            .slots
            .iter()
            .map(|requests| *requests as f64)
            .enumerate()
            .filter(|(_, requests)| *requests > 0.0)
        {
            if before + requests >= rank {
                let (begin, end) = (begin_of(slot), begin_of(slot + 1));
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

    fn sum_of(millis: impl IntoIterator<Item = f64>) -> Sum {
        let mut sum = Sum::default();
        for time in millis {
            sum.add(slot_of(Duration::from_secs_f64(time / 1000.0)), 1);
        }
        sum
    }

    #[test]
    fn a_time_is_in_the_slot_that_begins_before_it() {
        for micros in [65, 79, 80, 100, 999, 1_000, 12_345, 1_000_000, 66_000_000] {
            let slot = slot_of(Duration::from_micros(micros));
            let millis = micros as f64 / 1000.0;
            assert!(begin_of(slot) <= millis && millis < begin_of(slot + 1), "{micros} µs in {slot}");
        }
        assert_eq!(slot_of(Duration::ZERO), 0);
        assert_eq!(slot_of(Duration::MAX), SLOTS - 1);
    }

    #[test]
    fn the_median_and_the_slowest_hundredth_are_read_to_a_tenth() {
        let sum = sum_of((1..=1000).map(f64::from));
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = sum.quantile(share).expect("requests");
            assert!((found - expected).abs() / expected < 0.13, "{share}: {found} for {expected}");
        }
        let one = sum_of([3.0]);
        assert_eq!(one.quantile(0.5), one.quantile(0.99));
        assert_eq!(Sum::default().quantile(0.5), None);
    }
}
