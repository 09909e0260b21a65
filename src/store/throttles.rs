//! The buckets that slow guesses down, shared by all processes: one row each, on one shard.
//!
//! A bucket follows GCRA, a form of the token bucket. `tat` is the time at which the bucket is full again.
//! An attempt is admitted while that is at most the tolerance away, and moves it by the interval. The time is
//! the database's, so that the clocks of the processes do not matter.

use crate::db::{Database, DbError, DirectoryHandle, FromRow, RowReader};

/// Milliseconds since 1970 of this statement.
macro_rules! now {
    () => {
        "(extract(epoch FROM now()) * 1000)::bigint"
    };
}

/// Takes one attempt from a bucket; see [`BucketRule`] for `$2` to `$8`.
const TAKE: &str = concat!(
    "INSERT INTO throttles AS t (key, tat, failures, seen_at, admitted) VALUES ($1, ",
    now!(),
    " + $2::bigint, 1, ",
    now!(),
    ", true)
     ON CONFLICT (key) DO UPDATE SET
        tat = CASE WHEN t.tat > excluded.seen_at + $3::bigint THEN t.tat
            WHEN t.failures < $4::integer OR t.tat <= excluded.seen_at - $8::bigint
            THEN greatest(t.tat, excluded.seen_at) + $2::bigint
            ELSE greatest(t.tat, excluded.seen_at) + least($5::bigint::double precision
                * power(2::double precision, least((t.failures - $4::integer) / $6::integer, 30)),
                $7::bigint::double precision)::bigint END,
        failures = CASE WHEN t.tat > excluded.seen_at + $3::bigint THEN t.failures
            WHEN t.tat <= excluded.seen_at - $8::bigint THEN 1
            ELSE t.failures + 1 END,
        admitted = t.tat <= excluded.seen_at + $3::bigint,
        seen_at = excluded.seen_at
     RETURNING t.admitted, t.failures, t.tat - t.seen_at - $3::bigint"
);
const GIVE_BACK: &str =
    "UPDATE throttles SET tat = tat - $2, failures = greatest(failures - 1, 0) WHERE key = $1";
const CLEAR: &str = "DELETE FROM throttles WHERE key = $1";
const FORGET: &str = concat!("DELETE FROM throttles WHERE seen_at < ", now!(), " - 24 * 3600 * 1000::bigint");

/// What a bucket allows. All times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct BucketRule {
    /// How far an attempt moves the bucket while it has fewer failures than `free`.
    pub interval: i64,
    /// How far ahead the bucket may be when an attempt is admitted.
    pub tolerance: i64,
    /// The failures from which on the interval grows.
    pub free: i32,
    /// The interval from there on.
    pub grown: i64,
    /// The failures in which the grown interval doubles.
    pub doubling: i32,
    /// The longest interval.
    pub longest: i64,
    /// For how long the bucket has to be full until its failures are forgotten.
    pub forgotten_after: i64,
}

impl BucketRule {
    /// How far the attempt moved the bucket that is this failure of it, as the statement computes it.
    pub fn moved_by(&self, failure: i32) -> i64 {
        let before = failure.saturating_sub(1);
        if before < self.free {
            return self.interval;
        }
        let doublings = ((before - self.free) / self.doubling).min(30);
        self.grown.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// What a bucket answered to an attempt.
#[derive(Clone, Copy, Debug)]
pub struct BucketAnswer {
    pub admitted: bool,
    /// The attempts that the bucket has admitted, without those that were given back.
    pub failures: i32,
    /// The milliseconds until the next attempt is admitted.
    pub wait: i64,
}

impl FromRow for BucketAnswer {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { admitted: row.column(), failures: row.column(), wait: row.column() }
    }
}

impl DirectoryHandle {
    /// Takes one attempt from the bucket `key`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn take(&self, key: &[u8], rule: &BucketRule) -> Result<BucketAnswer, DbError> {
        let BucketRule { interval, tolerance, free, grown, doubling, longest, forgotten_after } = rule;
        let answer = self
            .rows(TAKE, &[&key, interval, tolerance, free, grown, doubling, longest, forgotten_after])
            .await?;
        answer.into_iter().next().ok_or(DbError::Unavailable(None))
    }

    /// Gives an attempt back that was no failure and had moved the bucket by `moved` milliseconds.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn give_back(&self, key: &[u8], moved: i64) -> Result<(), DbError> {
        self.rows::<BucketAnswer>(GIVE_BACK, &[&key, &moved]).await.map(drop)
    }

    /// Empties a bucket.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn clear(&self, key: &[u8]) -> Result<(), DbError> {
        self.rows::<BucketAnswer>(CLEAR, &[&key]).await.map(drop)
    }
}

/// Removes the buckets that were not used for a day, and gives their number.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn forget_throttles(database: &Database) -> Result<u64, DbError> {
    database.maintain(async |client| Ok(client.execute(FORGET, &[]).await?)).await
}
