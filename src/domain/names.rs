//! Names of users and organizations, and the identifiers of a login.

use unicode_normalization::UnicodeNormalization;

use super::Invalid;
use super::text::{canonical, is_invisible};

/// A name has a form to show and a key to compare; only keys are compared.
macro_rules! shown_and_compared {
    ($($name:ident),+) => {$(
        impl $name {
            /// The form to show.
            pub fn shown(&self) -> &str {
                &self.shown
            }

            /// The key to compare.
            pub fn key(&self) -> &str {
                &self.key
            }
        }
    )+};
}
shown_and_compared!(Username, Email, TenantName);

/// A longer text is no name. It is cut first, so that no function works on every character of it.
const LONGEST_TYPED: usize = 2048;

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TYPED)]
}

/// Normalizes a name (NFKC), trims it and reduces inner white space to single blanks.
fn tidy(text: &str) -> String {
    beginning(text).nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_invisible(text: &str) -> bool {
    beginning(text).chars().any(is_invisible)
}

/// A user's name inside a tenant: 1 to 64 characters, none invisible, no `@` (so that it is never taken for
/// an e-mail).
#[derive(Clone, Debug)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// Parses a user's input.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if has_invisible(text.trim()) {
            return Err(Invalid("The user name has characters that cannot be seen."));
        }
        let shown = tidy(text);
        match shown.chars().count() {
            0 => Err(Invalid("Enter a user name.")),
            65.. => Err(Invalid("The user name has more than 64 characters.")),
            _ if shown.contains('@') => Err(Invalid("A user name has no @; the e-mail has its own field.")),
            _ => Ok(Self { key: canonical(&shown), shown }),
        }
    }
}

/// An e-mail address, kept as the user typed it and compared in its canonical form.
#[derive(Clone, Debug)]
pub struct Email {
    shown: String,
    key: String,
}

impl Email {
    /// Parses a user's input; an empty text is no e-mail.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, Invalid> {
        let shown = text.trim();
        if shown.is_empty() {
            return Ok(None);
        }
        // A login is compared in this form. Some characters become a space or an @ in it.
        let key = canonical(&tidy(shown));
        if is_address(shown) && is_address(&key) {
            Ok(Some(Self { shown: shown.to_owned(), key }))
        } else {
            Err(Invalid("This is not an e-mail address."))
        }
    }
}

fn is_address(text: &str) -> bool {
    text.len() <= 254
        && !text.chars().any(|character| character.is_whitespace() || is_invisible(character))
        && text.split_once('@').is_some_and(|(local, host)| {
            (1..=64).contains(&local.len())
                && !host.contains('@')
                && host.split('.').count() >= 2
                && host.split('.').all(|label| !label.is_empty())
        })
}

/// The name of an organization: 1 to 100 characters, none invisible.
#[derive(Clone, Debug)]
pub struct TenantName {
    shown: String,
    key: String,
}

impl TenantName {
    /// Parses a user's input.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if has_invisible(text.trim()) {
            return Err(Invalid("The organization's name has characters that cannot be seen."));
        }
        let shown = tidy(text);
        match shown.chars().count() {
            0 => Err(Invalid("Enter the name of your organization.")),
            101.. => Err(Invalid("The organization's name has more than 100 characters.")),
            _ => Ok(Self { key: canonical(&shown), shown }),
        }
    }
}

/// The identifier of a login: a user name or an e-mail, in its canonical form.
#[derive(Clone, Debug)]
pub struct Identifier {
    key: String,
}

impl Identifier {
    /// Accepts any text. A text that is no name or e-mail matches no user.
    pub fn from_typed(text: &str) -> Self {
        Self { key: canonical(&tidy(text)) }
    }

    /// The identifiers of a user: the name and the e-mail, if the user has one.
    pub fn all_of(username: &Username, email: Option<&Email>) -> Vec<Self> {
        let mut all = vec![Self { key: username.key().to_owned() }];
        all.extend(email.map(|email| Self { key: email.key().to_owned() }));
        all
    }

    /// The same from the keys in a user's row.
    pub(crate) fn all_of_keys(username_key: &str, email_key: Option<&str>) -> Vec<Self> {
        [Some(username_key), email_key]
            .into_iter()
            .flatten()
            .map(|key| Self { key: key.to_owned() })
            .collect()
    }

    /// Whether it can only be an e-mail: a user name has no `@`.
    pub fn is_email(&self) -> bool {
        self.key.contains('@')
    }

    /// Its key in the login directory: SHA-256 with a prefix of our own, so that the directory has no plain
    /// names.
    pub fn hash(&self) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        Sha256::digest([b"pigeonhole login v1 ", self.key.as_bytes()].concat()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_hidden_characters_are_refused() {
        for hidden in ["a\u{200d}b", "a\u{202e}b", "a\0b", "a\u{ad}b", "a\nb", "\u{feff}x"] {
            assert!(Username::parse(hidden).is_err(), "{hidden:?}");
            assert!(TenantName::parse(hidden).is_err(), "{hidden:?}");
        }
    }

    #[test]
    fn a_login_finds_the_name_however_it_is_typed() {
        let stored = Identifier::all_of(&Username::parse("Ｍary  Ann").expect("a name"), None);
        assert_eq!(stored[0].hash(), Identifier::from_typed(" mary ann ").hash());
    }

    #[test]
    fn emails_need_a_host() {
        for bad in [
            "x",
            "x@",
            "@x.y",
            "a b@x.y",
            "a@b@c.d",
            "a@localhost",
            "a@x..y",
            "a\u{a8}@x.org",
            "a\u{fe6b}b@x.org",
        ] {
            assert!(Email::parse_optional(bad).is_err(), "{bad}");
        }
        assert_eq!(Email::parse_optional(" A@X.org ").expect("valid").expect("given").key(), "a@x.org");
        assert!(Email::parse_optional("  ").expect("valid").is_none());
    }
}
