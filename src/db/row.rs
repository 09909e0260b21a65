//! Rows of answers, in either form: binary from a bound statement, or text from a statement that was executed
//! by its name.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::FromSql;

use crate::domain::{
    Access, InvitationId, NoteContent, NoteId, NoteTitle, Role, SessionId, TenantId, UserId,
};

/// A row of an answer.
pub(crate) enum DbRow {
    /// With values in PostgreSQL's binary formats.
    Binary(tokio_postgres::Row),
    /// With values as PostgreSQL writes them, times in ISO format and UTC.
    Text(SimpleQueryRow),
}

impl DbRow {
    /// Reads the columns from the first on. Panics, as tokio-postgres does, when a column has another type
    /// than the program expects: the first test that runs the statement finds that.
    pub(crate) fn read<T: FromRow>(&self) -> T {
        RowReader { row: self, next: 0 }.read()
    }
}

impl From<tokio_postgres::Row> for DbRow {
    fn from(row: tokio_postgres::Row) -> Self {
        Self::Binary(row)
    }
}

/// Reads the columns of a row from left to right, so that a type reads its columns in the order in which its
/// column list names them.
pub(crate) struct RowReader<'r> {
    row: &'r DbRow,
    next: usize,
}

impl<'r> RowReader<'r> {
    /// Reads as many columns as `T` has.
    pub(crate) fn read<T: FromRow>(&mut self) -> T {
        T::from_row(self)
    }

    /// Reads one column.
    pub(crate) fn column<T: Column<'r>>(&mut self) -> T {
        let index = self.next;
        self.next += 1;
        match self.row {
            DbRow::Binary(row) => row.get(index),
            DbRow::Text(row) => {
                T::from_text(row.get(index)).expect("the column has the type that the program expects")
            }
        }
    }
}

/// What can be read from one or more columns of a row.
pub(crate) trait FromRow: Sized {
    /// Reads the columns, each exactly once.
    fn from_row(row: &mut RowReader<'_>) -> Self;
}

impl<T: for<'r> Column<'r>> FromRow for T {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        row.column()
    }
}

macro_rules! tuple {
    ($($part:ident),*) => {
        impl<$($part: FromRow),*> FromRow for ($($part,)*) {
            fn from_row(row: &mut RowReader<'_>) -> Self {
                ($($part::from_row(row),)*)
            }
        }
    };
}
tuple!(A, B);
tuple!(A, B, C);
tuple!(A, B, C, D);

macro_rules! domain_type {
    ($($kind:ty: $column:ty),* $(,)?) => {$(
        impl FromRow for $kind {
            fn from_row(row: &mut RowReader<'_>) -> Self {
                Self::from_row(row.column::<$column>())
            }
        }
    )*};
}
domain_type!(
    UserId: i64,
    NoteId: i64,
    SessionId: i64,
    InvitationId: i64,
    NoteContent: String,
    Role: &str,
    Access: &str,
);

impl FromRow for TenantId {
    #[allow(clippy::disallowed_methods, reason = "the row names the tenant")]
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self::from_row(row.column::<i64>())
    }
}

impl FromRow for Option<NoteTitle> {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        row.column::<Option<String>>().map(NoteTitle::from_row)
    }
}

/// What one column can hold.
pub(crate) trait Column<'r>: FromSql<'r> {
    /// Reads PostgreSQL's text format; `text` is none for NULL. None when the text has another type.
    fn from_text(text: Option<&'r str>) -> Option<Self>;
}

impl Column<'_> for i64 {
    fn from_text(text: Option<&str>) -> Option<Self> {
        text?.parse().ok()
    }
}

impl Column<'_> for i32 {
    fn from_text(text: Option<&str>) -> Option<Self> {
        text?.parse().ok()
    }
}

impl Column<'_> for bool {
    fn from_text(text: Option<&str>) -> Option<Self> {
        Some(text? == "t")
    }
}

impl Column<'_> for String {
    fn from_text(text: Option<&str>) -> Option<Self> {
        text.map(str::to_owned)
    }
}

impl Column<'_> for Vec<u8> {
    fn from_text(text: Option<&str>) -> Option<Self> {
        hex::decode(text?.strip_prefix("\\x")?).ok()
    }
}

impl<'r> Column<'r> for &'r str {
    fn from_text(text: Option<&'r str>) -> Option<Self> {
        text
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn from_text(text: Option<&'r str>) -> Option<Self> {
        match text {
            None => Some(None),
            Some(_) => T::from_text(text).map(Some),
        }
    }
}

impl Column<'_> for DateTime<Utc> {
    fn from_text(text: Option<&str>) -> Option<Self> {
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
        assert_eq!(Vec::<u8>::from_text(Some("\\x00ff10")), Some(vec![0, 255, 16]));
        for odd in [None, Some(""), Some("00"), Some("\\x0"), Some("\\xzz")] {
            assert!(Vec::<u8>::from_text(odd).is_none(), "{odd:?}");
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
