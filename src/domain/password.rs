//! Passwords as the user typed them. They are never normalized, trimmed, logged or shown (OWASP ASVS 5.0,
//! 6.2).

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use super::Invalid;

const SHORTEST: usize = 8;
const LONGEST: usize = 1024;

/// The most common passwords, one a line, in lower case.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A new password: 8 characters to 1,024 bytes, not one of the most common.
pub struct NewPassword(String);

impl NewPassword {
    /// Parses a user's input.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() < SHORTEST {
            return Err(Invalid("The password needs 8 characters or more."));
        }
        if text.len() > LONGEST {
            return Err(Invalid("The password is longer than 1,024 bytes."));
        }
        if COMMON.contains(text.to_lowercase().as_str()) {
            return Err(Invalid("This is one of the most common passwords; choose another."));
        }
        Ok(Self(text.to_owned()))
    }

    /// The bytes to hash.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password of a login: any text up to 1,024 bytes.
pub struct LoginPassword(String);

impl LoginPassword {
    /// Parses a user's input.
    ///
    /// # Errors
    /// A sentence for the field, when the text is longer than any password.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.len() {
            0 => Err(Invalid("Enter your password.")),
            1..=LONGEST => Ok(Self(text.to_owned())),
            _ => Err(Invalid("The password is longer than 1,024 bytes.")),
        }
    }

    /// The bytes to compare.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

macro_rules! hidden {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    };
}
hidden!(NewPassword);
hidden!(LoginPassword);

#[cfg(test)]
mod tests {
    use super::NewPassword;

    #[test]
    fn common_and_short_passwords_are_refused_and_any_characters_are_allowed() {
        for bad in ["1234567", "password", "PASSWORD", "12345678", "iloveyou", "qwertyuiop"] {
            assert!(NewPassword::parse(bad).is_err(), "{bad}");
        }
        for good in ["testpass", "fifteenletterss", &"🕊".repeat(64)] {
            assert!(NewPassword::parse(good).is_ok(), "{good}");
        }
        assert!(NewPassword::parse(&"a".repeat(1025)).is_err());
    }
}
