//! The kinds of messages in the outbox: the name of each, which is the routing key at the broker too, and its
//! payload, which is JSON in the row.

use serde::{Deserialize, Serialize};

use super::{Audience, Identifier};

/// Fills the inboxes of the recipients of a note.
pub const INSERT_TO_SHARED: &str = "insert_to_shared";
/// Gives a new user the notes that are shared with everybody in the tenant.
pub const CATCH_UP: &str = "catch_up";
/// Removes a user who left from the login directory.
pub const FORGET_LOGINS: &str = "forget_logins";

/// The payload of [`INSERT_TO_SHARED`], for people who look into the broker's queue. The handler reads the
/// shares of the note instead, as they may have changed since.
#[derive(Serialize, Deserialize)]
pub struct InsertToShared {
    /// "everyone" or a list of user ids.
    pub audience: serde_json::Value,
}

impl InsertToShared {
    /// The payload of a share with this audience.
    pub fn of(audience: &Audience) -> Self {
        let audience = match audience {
            Audience::Everyone => serde_json::json!("everyone"),
            Audience::Members(members) => serde_json::json!(members),
        };
        Self { audience }
    }

    /// The text for the row.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Reads a row's payload; `None` for another kind's.
    pub fn parse(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }
}

/// The payload of [`FORGET_LOGINS`]: the entries of the login directory that the user had.
#[derive(Serialize, Deserialize)]
pub struct ForgetLogins {
    /// Hashes in hexadecimal.
    identifiers: Vec<String>,
}

impl ForgetLogins {
    /// The payload for a user with these identifiers.
    pub fn of(identifiers: &[Identifier]) -> Self {
        Self { identifiers: identifiers.iter().map(|identifier| hex::encode(identifier.hash())).collect() }
    }

    /// The text for the row.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The hashes in a row's payload; `None` for another kind's.
    pub fn hashes(payload: &str) -> Option<Vec<Vec<u8>>> {
        let payload: Self = serde_json::from_str(payload).ok()?;
        payload.identifiers.iter().map(|hash| hex::decode(hash).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    #[test]
    fn hashes_of_identifiers_are_read_as_they_were_written() {
        let identifiers = Identifier::all_of_keys("mary", Some("mary@example.test"));
        let hashes = ForgetLogins::hashes(&ForgetLogins::of(&identifiers).to_json()).expect("hashes");
        assert_eq!(hashes, identifiers.iter().map(Identifier::hash).collect::<Vec<_>>());
        assert_eq!(ForgetLogins::hashes("{}"), None);
        assert_eq!(ForgetLogins::hashes(r#"{"identifiers":["0g"]}"#), None);
    }

    #[test]
    fn an_audience_is_a_word_or_a_list() {
        assert_eq!(InsertToShared::of(&Audience::Everyone).to_json(), r#"{"audience":"everyone"}"#);
        let members = Audience::Members(vec![UserId::from_row(7), UserId::from_row(8)]);
        assert_eq!(InsertToShared::of(&members).to_json(), r#"{"audience":[7,8]}"#);
        assert!(InsertToShared::parse(r#"{"identifiers":[]}"#).is_none());
    }
}
