//! A row of an answer, whichever way it came: binary from a prepared statement that was bound, or as text
//! from one that was executed by name.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::FromSql;

/// A row.
pub(crate) enum Row {
    /// With values in PostgreSQL's binary formats.
    Binary(tokio_postgres::Row),
    /// With values as PostgreSQL writes them, times as ISO in UTC.
    Text(SimpleQueryRow),
}

impl Row {
    /// The value of a column. Panics, as tokio-postgres does, when statement and program disagree about its
    /// kind, which the first test that runs the statement shows.
    pub(crate) fn get<'a, T: Column<'a>>(&'a self, index: usize) -> T {
        match self {
            Self::Binary(row) => row.get(index),
            Self::Text(row) => {
                T::read(row.get(index)).expect("the column has the kind that the store expects")
            }
        }
    }
}

/// What a column can hold.
pub(crate) trait Column<'a>: FromSql<'a> {
    /// Reads the text that stands for it; NULL is none.
    fn read(text: Option<&'a str>) -> Option<Self>;
}

impl Column<'_> for i64 {
    fn read(text: Option<&str>) -> Option<Self> {
        text?.parse().ok()
    }
}

impl Column<'_> for i32 {
    fn read(text: Option<&str>) -> Option<Self> {
        text?.parse().ok()
    }
}

impl Column<'_> for bool {
    fn read(text: Option<&str>) -> Option<Self> {
        Some(text? == "t")
    }
}

impl Column<'_> for String {
    fn read(text: Option<&str>) -> Option<Self> {
        text.map(str::to_owned)
    }
}

impl Column<'_> for Vec<u8> {
    fn read(text: Option<&str>) -> Option<Self> {
        let digits = text?.strip_prefix("\\x")?;
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
    }
}

impl<'a> Column<'a> for &'a str {
    fn read(text: Option<&'a str>) -> Option<Self> {
        text
    }
}

impl<'a, T: Column<'a>> Column<'a> for Option<T> {
    fn read(text: Option<&'a str>) -> Option<Self> {
        match text {
            None => Some(None),
            Some(_) => T::read(text).map(Some),
        }
    }
}

impl Column<'_> for DateTime<Utc> {
    fn read(text: Option<&str>) -> Option<Self> {
        time(text?)
    }
}

/// Reads `2026-11-24 22:50:19.123456+00`; the fraction may be shorter or missing.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let date = NaiveDate::from_ymd_opt(text.get(..4)?.parse().ok()?, number(5, 7)?, number(8, 10)?)?;
    let fraction = text.get(19..)?.strip_suffix("+00")?;
    let micros = match fraction.strip_prefix('.') {
        None => fraction.is_empty().then_some(0)?,
        Some(digits) => digits
            .parse::<u32>()
            .ok()?
            .checked_mul(10_u32.checked_pow(6_u32.checked_sub(digits.len().try_into().ok()?)?)?)?,
    };
    Some(date.and_hms_micro_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, micros)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_are_written() {
        assert_eq!(Vec::<u8>::read(Some("\\x00ff10")), Some(vec![0, 255, 16]));
        for odd in [None, Some(""), Some("00"), Some("\\x0"), Some("\\xzz")] {
            assert!(Vec::<u8>::read(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, micros) in [
            ("1970-01-01 00:00:01+00", 1_000_000),
            ("1970-01-01 00:01:00.5+00", 60_500_000),
            ("1970-01-02 00:00:00.000001+00", 86_400_000_001),
        ] {
            assert_eq!(time(text).expect(text).timestamp_micros(), micros);
        }
        for odd in
            ["", "1970-01-01 00:00:01", "1970-01-01 00:00:01+02", "1970-01-01 00:00:01.+00", "infinity"]
        {
            assert!(time(odd).is_none(), "{odd}");
        }
    }
}
