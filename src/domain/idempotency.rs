//! The key by which a client marks a request as a repetition.

use super::Invalid;

/// An Idempotency-Key: 1 to 255 visible ASCII characters
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value, in quotes as the draft requires or without, as most clients send it.
    ///
    /// # Errors
    /// A sentence for the client.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let valid = (1..=255).contains(&bare.len())
            && bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if valid {
            Ok(Self(bare.to_owned()))
        } else {
            Err(Invalid("An Idempotency-Key has 1 to 255 visible ASCII characters."))
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::IdempotencyKey;

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(
            IdempotencyKey::parse("\"a-1\"").expect("a key"),
            IdempotencyKey::parse(" a-1 ").expect("a key")
        );
        for odd in ["", "\"\"", "a b", "é", "a\"b", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(odd).is_err(), "{odd}");
        }
    }
}
