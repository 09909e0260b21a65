//! The limit on lines of one kind. A client that is refused as fast as it asks must not fill the disk, nor
//! hide what else happens: lines beyond the limit are counted, and a line says how many.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::{Level, Record};

use crate::domain::ClientNetwork;

/// Lines of one kind in a second that clients can cause without a right: refusals and failed requests.
const OF_CLIENTS: u32 = 20;
/// Of these, the lines about one address.
const OF_ONE_ADDRESS: u32 = 5;
/// Lines of any other kind in a second.
const OF_PROGRAM: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);
/// The time after which the lines that were left out are counted in a line.
pub(super) const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// What a line is counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineKind {
    /// The event, or the place in the source.
    pub(super) name: String,
    pub(super) target: String,
    pub(super) level: Level,
    /// Whether clients cause such lines without a right.
    pub(super) of_clients: bool,
    /// The client that caused the line, where that is known.
    pub(super) address: Option<ClientNetwork>,
}

impl LineKind {
    /// The kind that the record's sender gave as `event` and `address`; without them the line of the source.
    /// The lines of other crates may all be caused by clients, as by heads that cannot be read.
    pub(super) fn of(record: &Record<'_>, is_ours: bool) -> Self {
        let given = |name: &str| record.key_values().get(name.into()).map(|value| value.to_string());
        let place = || format!("{}:{}", record.target(), record.line().unwrap_or_default());
        let address = given("address").and_then(|address| address.parse().ok()).map(ClientNetwork::of);
        Self {
            name: given("event").unwrap_or_else(place),
            target: record.target().to_owned(),
            level: record.level(),
            of_clients: !is_ours || address.is_some(),
            address,
        }
    }
}

/// The lines of one kind in the current second, and those that were left out since the last summary.
struct LineCount {
    kind: LineKind,
    since: Instant,
    written: u32,
    /// At most [`OF_CLIENTS`] entries, as an address without a line has none.
    by_address: HashMap<ClientNetwork, u32>,
    left_out: u64,
    left_out_since: Instant,
}

impl LineCount {
    fn new(kind: LineKind, now: Instant) -> Self {
        let by_address = HashMap::new();
        Self { kind, since: now, written: 0, by_address, left_out: 0, left_out_since: now }
    }

    fn admits(&mut self, address: Option<ClientNetwork>, now: Instant) -> bool {
        if now.duration_since(self.since) >= WINDOW {
            (self.since, self.written) = (now, 0);
            self.by_address.clear();
        }
        let most = if self.kind.of_clients { OF_CLIENTS } else { OF_PROGRAM };
        let of_address = address.and_then(|address| self.by_address.get(&address)).copied();
        if self.written >= most || of_address.is_some_and(|count| count >= OF_ONE_ADDRESS) {
            if self.left_out == 0 {
                self.left_out_since = now;
            }
            self.left_out += 1;
            return false;
        }
        self.written += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
        true
    }
}

/// A line that tells how many lines of a kind were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) target: String,
    pub(super) level: Level,
    pub(super) text: String,
}

/// Counts the lines of all kinds.
#[derive(Default)]
pub(super) struct LineLimit {
    counts: HashMap<String, LineCount>,
}

impl LineLimit {
    /// Whether a line of this kind may be written at `now`; otherwise it is counted.
    pub(super) fn admits(&mut self, kind: LineKind, now: Instant) -> bool {
        let address = kind.address;
        let count = match self.counts.get_mut(&kind.name) {
            Some(count) => count,
            None => self.counts.entry(kind.name.clone()).or_insert_with(|| LineCount::new(kind, now)),
        };
        count.admits(address, now)
    }

    /// The summaries that are due at `now`, or all; their counts begin at 0 again.
    pub(super) fn summaries(&mut self, now: Instant, all: bool) -> Vec<LeftOut> {
        let mut summaries = Vec::new();
        for count in self.counts.values_mut().filter(|count| count.left_out > 0) {
            let took = now.duration_since(count.left_out_since);
            if !all && took < SUMMARY_INTERVAL {
                continue;
            }
            let (left_out, name) = (std::mem::take(&mut count.left_out), &count.kind.name);
            summaries.push(LeftOut {
                target: count.kind.target.clone(),
                level: count.kind.level,
                text: format!("{left_out} more lines in {} s were left out: {name}", took.as_secs().max(1)),
            });
        }
        summaries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, address: Option<&str>) -> LineKind {
        let address = address.map(|address| ClientNetwork::of(address.parse().expect("an address")));
        let (name, target, of_clients) = (name.to_owned(), "security".to_owned(), address.is_some());
        LineKind { name, target, level: Level::Info, of_clients, address }
    }

    /// The number in each summary.
    fn left_out(limit: &mut LineLimit, now: Instant, all: bool) -> Vec<String> {
        limit.summaries(now, all).into_iter().map(|summary| summary.text).collect()
    }

    #[test]
    fn of_10_000_refusals_a_few_lines_are_written_and_the_rest_is_counted() {
        let (mut limit, start) = (LineLimit::default(), Instant::now());
        let (mut written, mut others) = (0, 0);
        for number in 0..10_000_u32 {
            let now = start + Duration::from_millis(u64::from(number) / 2);
            written += u32::from(limit.admits(kind("login refused", Some("192.0.2.1")), now));
        }
        for number in 0..100_u8 {
            let address = format!("198.51.100.{number}");
            others += u32::from(limit.admits(kind("host refused", Some(&address)), start));
        }
        assert_eq!((written, others), (5 * OF_ONE_ADDRESS, OF_CLIENTS));
        let end = start + Duration::from_secs(5);
        assert!(left_out(&mut limit, end, false).is_empty(), "too early");
        let mut texts = left_out(&mut limit, start + Duration::from_secs(11), false);
        texts.sort();
        assert_eq!(
            texts,
            [
                "80 more lines in 11 s were left out: host refused",
                "9975 more lines in 10 s were left out: login refused",
            ]
        );
        assert!(left_out(&mut limit, end, true).is_empty(), "counted twice");
    }

    #[test]
    fn one_address_takes_a_share_and_leaves_lines_to_others() {
        let (mut limit, now) = (LineLimit::default(), Instant::now());
        for address in ["2001:db8:1:1::1", "2001:db8:1:1::ffff", "2001:db8:1:2::1"] {
            let written: usize =
                (0..50).filter(|_| limit.admits(kind("token refused", Some(address)), now)).count();
            let expected = if address == "2001:db8:1:1::ffff" { 0 } else { OF_ONE_ADDRESS as usize };
            assert_eq!(written, expected, "{address}");
        }
    }

    #[test]
    fn lines_of_the_program_have_a_larger_limit_and_kinds_do_not_take_from_each_other() {
        let (mut limit, now) = (LineLimit::default(), Instant::now());
        for name in ["logged in", "pigeonhole::messaging::relay:217"] {
            let written = (0..1000).filter(|_| limit.admits(kind(name, None), now)).count();
            assert_eq!(written, OF_PROGRAM as usize, "{name}");
        }
        assert_eq!(left_out(&mut limit, now, true).len(), 2);
    }
}
