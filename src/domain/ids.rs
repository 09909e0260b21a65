//! The ids of rows. Each kind has its own type, so that one cannot be used as another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $visibility:vis) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The id of a row that was read from the database.
            $visibility fn from_row(number: i64) -> Self {
                Self(number)
            }

            /// The number, for statements and answers.
            pub fn number(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A tenant. It comes only from a session token, a login, a sign-up or a job. No code outside this crate
    /// can make one, and no path, body or header of a request becomes one.
    TenantId, pub(crate)
);
id!(
    /// A user of a tenant.
    UserId, pub(crate)
);
id!(
    /// A note of a tenant.
    NoteId, pub(crate)
);
id!(
    /// A login session of a tenant's user; not its secret token.
    SessionId, pub(crate)
);
id!(
    /// An invitation of a tenant; not its secret token.
    InvitationId, pub(crate)
);

/// Reads the decimal number of a row from a path: digits only, no sign, no leading zero, within bigint.
fn parse_path_number(text: &str) -> Option<i64> {
    let plain = !text.is_empty()
        && text.len() <= 19
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

macro_rules! id_in_path {
    ($name:ident) => {
        impl $name {
            /// Reads an id from a path; none for a text that is no id.
            pub fn parse(text: &str) -> Option<Self> {
                parse_path_number(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not the number of a row"))
            }
        }
    };
}
id_in_path!(NoteId);
id_in_path!(SessionId);
id_in_path!(UserId);
id_in_path!(InvitationId);

#[cfg(test)]
mod tests {
    use super::parse_path_number;

    #[test]
    fn only_plain_positive_numbers_name_a_row() {
        assert_eq!(parse_path_number("9223372036854775807"), Some(i64::MAX));
        for odd in [
            "",
            "0",
            "-1",
            "+1",
            "1e3",
            "07",
            " 7",
            "7 ",
            "9223372036854775808",
            "٣",
            "0x1f",
            &"9".repeat(10_000),
        ] {
            assert_eq!(parse_path_number(odd), None, "{odd:.20}");
        }
    }
}
