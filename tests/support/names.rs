//! Unique names and random keys.

/// Sixteen random lower-case letters.
pub fn letters() -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// `prefix` and sixteen random letters.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}{}", letters())
}

/// A SECRET_KEY as production requires it: 64 random bytes in hexadecimal.
pub fn secret_key() -> String {
    let mut bytes = [0u8; 64];
    getrandom::fill(&mut bytes).expect("randomness");
    hex::encode(bytes)
}
