//! The retry policy of messages and of the broker's connections. Each pause is random between the given time
//! and its double, so that workers that failed at the same time do not retry at the same time.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::store::Message;

/// Failures after which a message is left to an operator.
const ATTEMPTS: i32 = 5;
/// How long a claim of messages lasts. A batch takes about a second; what a killed relay had claimed is due
/// again after this.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How long the broker may keep a message that it confirmed. The broker may lose a message all the same, and
/// then it is published again.
pub(super) const PUBLISHED_LEASE: Duration = Duration::from_secs(300);

/// How long messages in progress may take to end after a stop was requested.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Between the attempts of a message: 2, 8, 32 and 128 seconds.
const OF_MESSAGES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(2))
    .with_factor(4.0)
    .without_max_delay()
    .without_max_times()
    .with_jitter();
/// Before messages that the broker refused are published again.
const OF_REFUSED_MESSAGES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_secs(5)).with_jitter();
/// Between connections to the broker.
const OF_CONNECTIONS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(LONGEST_CONNECTION_PAUSE)
    .without_max_times()
    .with_jitter();
const LONGEST_CONNECTION_PAUSE: Duration = Duration::from_secs(10);
/// While the database is unavailable: eight seconds on average, after which the broker gets the message back.
const OF_HELD_MESSAGES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(170))
    .without_max_delay()
    .with_max_times(5)
    .with_jitter();
/// Between the reads of a message that a client waits for. The first pause is short, as most messages are
/// done within 15 ms.
const OF_AWAITED_MESSAGES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(5))
    .with_factor(1.5)
    .with_max_delay(LONGEST_AWAITED_PAUSE)
    .without_max_times()
    .with_jitter();
const LONGEST_AWAITED_PAUSE: Duration = Duration::from_millis(125);

/// Whether the next failure of a message is its last.
pub(super) fn is_last_attempt(message: &Message) -> bool {
    message.attempts + 1 >= ATTEMPTS
}

/// The pause after the failure of a message that had failed `earlier_failures` times before.
pub(super) fn pause_of_message(earlier_failures: i32) -> Duration {
    let index = usize::try_from(earlier_failures).unwrap_or_default().min(ATTEMPTS as usize);
    OF_MESSAGES.build().nth(index).unwrap_or(LEASE)
}

/// The pause before a message that the broker refused is published again.
pub(super) fn pause_of_refused_message() -> Duration {
    OF_REFUSED_MESSAGES.build().next().unwrap_or(LEASE)
}

/// Pauses between attempts to handle a message while the database is unavailable.
pub(super) fn pauses_of_held_message() -> impl Iterator<Item = Duration> {
    OF_HELD_MESSAGES.build()
}

/// Pauses without end.
pub(super) struct Pauses {
    builder: ExponentialBuilder,
    longest: Duration,
    backoff: ExponentialBackoff,
}

impl Pauses {
    /// Between connections to the broker.
    pub(super) fn of_connections() -> Self {
        Self::new(OF_CONNECTIONS, LONGEST_CONNECTION_PAUSE)
    }

    /// Between the reads of a message that a client waits for.
    pub(super) fn of_awaited_message() -> Self {
        Self::new(OF_AWAITED_MESSAGES, LONGEST_AWAITED_PAUSE)
    }

    fn new(builder: ExponentialBuilder, longest: Duration) -> Self {
        Self { builder, longest, backoff: builder.build() }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        self.backoff.next().unwrap_or(self.longest)
    }

    /// Begins with the shortest pause again, after a success.
    pub(super) fn reset(&mut self) {
        self.backoff = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_of_a_message_grow_by_four_and_are_at_most_doubled() {
        for (earlier_failures, seconds) in [(0, 2), (1, 8), (2, 32), (3, 128)] {
            let pause = pause_of_message(earlier_failures);
            let shortest = Duration::from_secs(seconds);
            assert!((shortest..=shortest * 2).contains(&pause), "{earlier_failures}: {pause:?}");
        }
        assert!(
            pause_of_message(-1) >= Duration::from_secs(2) && pause_of_message(i32::MAX).as_secs() < 4096
        );
    }

    #[test]
    fn two_workers_pause_for_different_times() {
        let pauses = || (0..4).map(pause_of_message).collect::<Vec<_>>();
        assert_ne!(pauses(), pauses());
    }

    #[test]
    fn pauses_between_connections_grow_to_ten_seconds_and_begin_anew() {
        let mut pauses = Pauses::of_connections();
        assert!(pauses.next() <= Duration::from_millis(500));
        let last = (0..20).map(|_| pauses.next()).last().expect("a pause");
        assert!((LONGEST_CONNECTION_PAUSE..=LONGEST_CONNECTION_PAUSE * 2).contains(&last), "{last:?}");
        pauses.reset();
        assert!(pauses.next() <= Duration::from_millis(500));
    }
}
