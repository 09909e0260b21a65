//! Values that must not reach a log.

use std::fmt;

use actix_web::cookie::Key;

/// A password or token. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The shortest text that makes a key without being stretched: `Key` takes 64 bytes.
const KEY_LENGTH: usize = 64;
/// Keys of guides and samples, which are well known.
const SAMPLE_KEYS: &[&str] =
    &["dev", "secret", "changeme", "change-me", "your-secret-key", "your_secret_key", "supersecret"];

/// A key that encrypts and signs cookies.
#[derive(Clone)]
pub struct CookieKey {
    key: Key,
    weak: bool,
}

impl CookieKey {
    /// The key itself.
    pub fn expose(&self) -> &Key {
        &self.key
    }

    /// Whether the key was made from a text that is too short or well known.
    pub(super) fn is_weak(&self) -> bool {
        self.weak
    }
}

impl From<String> for CookieKey {
    /// A short or well-known text is stretched to the length of a key. That makes it no stronger.
    fn from(text: String) -> Self {
        let sample = SAMPLE_KEYS.iter().any(|known| text.eq_ignore_ascii_case(known))
            || text.bytes().all(|byte| byte == text.as_bytes()[0]);
        let weak = text.len() < KEY_LENGTH || sample;
        Self { key: if weak { stretch(&text) } else { Key::from(text.as_bytes()) }, weak }
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn stretch(text: &str) -> Key {
    use sha2::{Digest, Sha512};
    let digest = Sha512::digest([b"pigeonhole stretched key v1 ", text.as_bytes()].concat());
    Key::derive_from(&digest)
}
