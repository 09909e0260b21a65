//! Values of statements. Every value can be bound to a prepared statement. Values that cannot contain a quote
//! can also be written into the text of a statement.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use tokio_postgres::types::ToSql;

use crate::domain::{InvitationId, NoteId, SessionId, UserId};

/// The user whose session was found earlier in the same message; NULL when none was found. The statement that
/// finds it sets `app.user_id` until the end of the transaction (store/sessions.rs).
const USER_OF_SESSION: &str = "nullif(current_setting('app.user_id', true), '')::bigint";

/// A value of a statement; `None` is NULL.
pub(crate) enum Value<'a> {
    Bool(bool),
    Int(Option<i32>),
    BigInt(Option<i64>),
    Time(Option<DateTime<Utc>>),
    Text(Option<Cow<'a, str>>),
    Bytes(&'a [u8]),
    IntArray(&'a [i32]),
    BigIntArray(&'a [i64]),
    BytesArray(&'a [Vec<u8>]),
    /// The user of the session that an earlier statement of the same message finds.
    UserOfSession,
}

/// The user for whom statements read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Viewer {
    Known(UserId),
    /// The user of the session that is found in the same message.
    OfSession,
}

impl From<UserId> for Viewer {
    fn from(user: UserId) -> Self {
        Self::Known(user)
    }
}

impl From<Viewer> for Value<'_> {
    fn from(viewer: Viewer) -> Self {
        match viewer {
            Viewer::Known(user) => user.into(),
            Viewer::OfSession => Self::UserOfSession,
        }
    }
}

impl Value<'_> {
    pub(super) fn bound(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Bool(value) => value,
            Self::Int(value) => value,
            Self::BigInt(value) => value,
            Self::Time(value) => value,
            Self::Text(value) => value,
            Self::Bytes(value) => value,
            Self::IntArray(value) => value,
            Self::BigIntArray(value) => value,
            Self::BytesArray(value) => value,
            // Outside of such a message there is no user, and no row belongs to none.
            Self::UserOfSession => &None::<i64>,
        }
    }

    /// The value as a literal, if it consists of digits and punctuation only. Text is always bound.
    pub(super) fn literal(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())),
            Self::BigInt(value) => Some(value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())),
            Self::Time(Some(value)) => Some(format!("'{}'", value.format("%Y-%m-%d %H:%M:%S%.6f+00"))),
            Self::Bytes(value) => Some(format!("'\\x{}'", hex::encode(value))),
            Self::IntArray(values) => Some(array(values)),
            Self::BigIntArray(values) => Some(array(values)),
            Self::UserOfSession => Some(USER_OF_SESSION.to_owned()),
            Self::Time(None) | Self::Text(_) | Self::BytesArray(_) => None,
        }
    }
}

fn array<T: ToString>(numbers: &[T]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("'{{{}}}'", numbers.join(","))
}

macro_rules! from {
    ($($kind:ty => |$value:ident| $made:expr),* $(,)?) => {$(
        impl<'a> From<$kind> for Value<'a> {
            fn from($value: $kind) -> Self {
                $made
            }
        }
    )*};
}
from!(
    bool => |value| Self::Bool(value),
    i32 => |value| Self::Int(Some(value)),
    Option<i32> => |value| Self::Int(value),
    i64 => |value| Self::BigInt(Some(value)),
    UserId => |id| Self::BigInt(Some(id.number())),
    NoteId => |id| Self::BigInt(Some(id.number())),
    SessionId => |id| Self::BigInt(Some(id.number())),
    InvitationId => |id| Self::BigInt(Some(id.number())),
    DateTime<Utc> => |value| Self::Time(Some(value)),
    Option<DateTime<Utc>> => |value| Self::Time(value),
    &'a str => |value| Self::Text(Some(value.into())),
    String => |value| Self::Text(Some(value.into())),
    Option<&'a str> => |value| Self::Text(value.map(Cow::from)),
    Option<String> => |value| Self::Text(value.map(Cow::from)),
    &'a [u8] => |value| Self::Bytes(value),
    &'a [i32] => |value| Self::IntArray(value),
    &'a [i64] => |value| Self::BigIntArray(value),
    &'a [Vec<u8>] => |value| Self::BytesArray(value),
);

/// The values of a statement behind `$1`, which is the tenant.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use values;
