//! How many attempts each bucket allows. The numbers are those of docs/decisions/0031-throttling.md.

use crate::store::BucketRule;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The longest time that a growing delay reaches.
const LONGEST_DELAY: i64 = 15 * MINUTE;
/// The time in which a used attempt comes back.
const REFILL: i64 = MINUTE;
/// The wrong passwords that one name may get from one address at once, and that one browser may send.
const FAILURES_OF_A_NAME: i64 = 10;
/// The wrong passwords that a name may get at once from addresses that have not used up their ten of the day,
/// and from those that have. A user name is typed without its organization, with its number and with its
/// name; an e-mail in one way. These four ways have NIST's hundred together (SP 800-63B, 5.2.2).
const FAILURES_EVERYWHERE: i64 = 20;
const FAILURES_OF_PERSISTENT_ADDRESSES: i64 = 5;
/// The time in which one of them comes back.
const REFILL_OF_A_NAME: i64 = 15 * MINUTE;
/// How many times more a network may try than one address of it.
const ADDRESSES_OF_A_NETWORK: i64 = 4;

/// The settings of throttling.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleLimits {
    /// Sign-ups that one address may make at once; then one a minute.
    pub sign_ups: u32,
    /// Wrong passwords, tokens and invitations that one address may send at once; then one a minute.
    pub failures: u32,
    /// Attempts of any kind that one process takes from one address at once; then two a second. A sixth of
    /// them may be logins of one name from there, or of one known browser.
    pub attempts: u32,
}

/// The rule of each kind of bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct BucketRules {
    pub failures_of_address: BucketRule,
    pub failures_of_network: BucketRule,
    pub failures_of_name_and_address: BucketRule,
    /// The failures of one address that are counted as the name's.
    pub first_failures_of_day: BucketRule,
    pub failures_of_name: BucketRule,
    /// The same, of addresses that have used up their first failures of the day.
    pub failures_of_name_from_persistent: BucketRule,
    pub password_of_user: BucketRule,
    pub failures_of_browser: BucketRule,
    pub ended_cookies: BucketRule,
    pub sign_ups_of_address: BucketRule,
    pub sign_ups_of_network: BucketRule,
    pub joins_of_address: BucketRule,
    pub invitations_of_user: BucketRule,
}

impl BucketRules {
    pub(super) fn new(limits: ThrottleLimits) -> Self {
        let (failures, sign_ups) = (i64::from(limits.failures), i64::from(limits.sign_ups));
        let around = ADDRESSES_OF_A_NETWORK;
        let of_name = FAILURES_OF_A_NAME;
        Self {
            failures_of_address: growing(bucket(failures, REFILL), failures),
            failures_of_network: bucket(failures * around, REFILL / around),
            failures_of_name_and_address: bucket(of_name, REFILL),
            first_failures_of_day: bucket(of_name, DAY / of_name),
            failures_of_name: bucket(FAILURES_EVERYWHERE, REFILL_OF_A_NAME),
            failures_of_name_from_persistent: bucket(FAILURES_OF_PERSISTENT_ADDRESSES, REFILL_OF_A_NAME),
            password_of_user: BucketRule {
                forgotten_after: DAY,
                ..growing(bucket(of_name, REFILL), of_name)
            },
            failures_of_browser: bucket(of_name, HOUR),
            ended_cookies: bucket(failures * 10, 2 * SECOND),
            sign_ups_of_address: bucket(sign_ups, MINUTE),
            sign_ups_of_network: bucket(sign_ups * around, MINUTE / around),
            joins_of_address: bucket(sign_ups * 6, MINUTE / 6),
            invitations_of_user: bucket(60, 10 * SECOND),
        }
    }
}

/// A bucket of `burst` attempts, of which one comes back after each interval.
fn bucket(burst: i64, interval: i64) -> BucketRule {
    BucketRule {
        interval,
        tolerance: (burst - 1).max(0).saturating_mul(interval),
        free: i32::MAX,
        grown: interval,
        doubling: 1,
        longest: LONGEST_DELAY,
        forgotten_after: LONGEST_DELAY,
    }
}

/// The same with a delay that doubles whenever the bucket was emptied once more.
fn growing(rule: BucketRule, burst: i64) -> BucketRule {
    let burst = i32::try_from(burst).unwrap_or(i32::MAX);
    BucketRule { free: burst, doubling: burst, ..rule }
}
