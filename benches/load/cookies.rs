//! Cookies that the server accepts, sealed with its key by its own function.

use std::collections::HashMap;

use actix_web::cookie::Key;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use pigeonhole::web::cookie::seal;

use crate::outcome::Outcome;
use crate::population::SeededUser;

/// The key of the measured servers.
#[derive(Clone)]
pub struct Sealer {
    key: Key,
    /// The setting SECRET_KEY.
    pub text: String,
}

impl Sealer {
    /// A new key.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate() -> Outcome<Self> {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes)?;
        let text = hex::encode(bytes);
        // The setting takes the text's bytes as the key when there are 64 or more.
        Ok(Self { key: Key::from(text.as_bytes()), text })
    }

    /// The header `Cookie` of a browser with this session.
    pub fn session(&self, token: &str) -> String {
        // actix-session keeps each value as JSON of its own.
        let state = HashMap::from([("token", json!(token).to_string())]);
        format!("pigeonhole={}", seal(&self.key, "pigeonhole", json!(state).to_string()))
    }

    /// The header `Cookie` of a browser that logged in to this account before.
    pub fn device(&self, person: SeededUser) -> String {
        let id = Sha256::digest(format!("bench device {}", person.user));
        let state = json!({
            "id": URL_SAFE_NO_PAD.encode(&id[..16]),
            "accounts": [[person.tenant, person.user]],
        });
        format!("pigeonhole-device={}", seal(&self.key, "device", state.to_string()))
    }
}
