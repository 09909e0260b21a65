//! The security log: one line for each event, with the subject and the client's address (OWASP ASVS 5.0,
//! 16.3). The id of the request ends the line, as every line of a request (`log_context`). The event and the
//! address also travel beside the line, for the limit on lines (`cli/log_limit.rs`).

use std::fmt;
use std::net::IpAddr;

use super::client::Client;
use crate::domain::{TenantId, UserId};
use crate::log_context;

/// The characters of a typed name that a line has.
const NAME_CHARACTERS: usize = 100;
/// A word of a typed name with as many characters may be a token that was pasted into the wrong field. No
/// name has one, and the part of an e-mail before its @ is rarely as long.
const TOKEN_CHARACTERS: usize = 32;

/// The user that an event is about.
pub enum Subject<'a> {
    /// A user who exists.
    User(TenantId, UserId),
    /// A member whom another member changed.
    Member { tenant: TenantId, user: UserId, by: UserId },
    /// A name that was typed to log in.
    TypedName(&'a str),
    /// The tenant that a token names which gave no session.
    TokenOf(TenantId),
    /// A client without a login.
    Stranger,
    /// The operator at the console.
    Operator,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(tenant, user) => write!(f, "tenant {tenant}, user {user}"),
            Self::Member { tenant, user, by } => write!(f, "tenant {tenant}, user {user}, by user {by}"),
            // Quoted and escaped, so that a typed name cannot forge a line of the log.
            Self::TypedName(name) => write!(f, "name {:?}", shortened(name)),
            Self::TokenOf(tenant) => write!(f, "no login, token of tenant {tenant}"),
            Self::Stranger => f.write_str("no login"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// The start of a typed name, without words that may be tokens.
fn shortened(name: &str) -> String {
    let is_of_a_token = |c: char| c.is_ascii_alphanumeric() || "-_+/=.%".contains(c);
    let words = name.split_inclusive(|c| !is_of_a_token(c)).map(|word| {
        let length = word.chars().filter(|c| is_of_a_token(*c)).count();
        if length < TOKEN_CHARACTERS { word.to_owned() } else { format!("({length} characters) ") }
    });
    words.take(NAME_CHARACTERS).collect::<String>().chars().take(NAME_CHARACTERS).collect()
}

/// Writes an event to the security log. `event` has no values: lines are counted by it.
pub fn record(client: &Client, event: &str, subject: &Subject<'_>) {
    let address = client.address;
    log::info!(target: "security", event = event; "{event}: {subject}, address {address}");
}

/// Writes a refusal to the security log. `event` is its kind, and `details` continue the event with what is
/// known of the request. Many refusals in a second are counted, not written.
pub fn refused(address: IpAddr, event: &str, details: &str, subject: &Subject<'_>) {
    log_context::mark_refusal_logged();
    log::info!(
        target: "security", event = event, address:% = address;
        "{event}{details}: {subject}, address {address}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_name_is_escaped_and_shortened_and_no_token() {
        for (typed, shown) in [
            ("ada@notes.test", r#"name "ada@notes.test""#),
            ("a\n\"b", r#"name "a\n\"b""#),
            ("ph_7_0123456789012345678901234567890123456789012 x", r#"name "(48 characters) x""#),
            ("me 30313233343536373839303132333435", r#"name "me (32 characters) ""#),
        ] {
            assert_eq!(Subject::TypedName(typed).to_string(), shown);
        }
        let long = "ä".repeat(500);
        assert_eq!(Subject::TypedName(&long).to_string().chars().count(), 100 + "name \"\"".len());
    }
}
