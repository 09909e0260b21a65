//! Secrets of sessions and invitations: `ph_<tenant>_<256 random bits>` and `phi_…`. With the tenant id in
//! the token the lookup touches one shard. The id is no secret and gives no right: a token with another
//! tenant's id is not found there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::TenantId;

const SECRET_BYTES: usize = 32;
/// Length of the secret in base64url without padding.
const SECRET_LENGTH: usize = 43;

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            text: String,
            tenant: TenantId,
        }

        impl $name {
            /// A new token of `tenant`, with randomness of the operating system.
            ///
            /// # Errors
            /// When the operating system has no randomness.
            pub fn generate(tenant: TenantId) -> Result<Self, getrandom::Error> {
                let mut secret = [0; SECRET_BYTES];
                getrandom::fill(&mut secret)?;
                Ok(Self { text: format!(concat!($prefix, "_{}_{}"), tenant, URL_SAFE_NO_PAD.encode(secret)),
                    tenant })
            }

            /// Parses a token; none for a malformed text.
            pub fn parse(text: &str) -> Option<Self> {
                let tenant = tenant_of(text.strip_prefix(concat!($prefix, "_"))?)?;
                Some(Self { text: text.to_owned(), tenant })
            }

            /// The secret text.
            pub fn expose(&self) -> &str {
                &self.text
            }

            /// The tenant that the token names. Only a lookup of its row proves it.
            pub fn tenant(&self) -> TenantId {
                self.tenant
            }

            /// The SHA-256 of the text, which is what the database stores.
            pub fn hash(&self) -> Vec<u8> {
                Sha256::digest(self.text.as_bytes()).to_vec()
            }
        }
    };
}

token!(
    /// A session's secret, as the cookie or the Authorization header carries it.
    Token, "ph"
);
token!(
    /// An invitation's secret, as its link carries it.
    InvitationToken, "phi"
);

/// The tenant of a token without its prefix; none for a malformed text.
#[allow(clippy::disallowed_methods, reason = "a token works only if its row is found in this tenant")]
fn tenant_of(text: &str) -> Option<TenantId> {
    let (tenant, secret) = text.split_once('_')?;
    let number: i64 =
        tenant.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == tenant)?;
    let plain = secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    plain.then(|| TenantId::from_row(number))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test has no database")]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_parsed_and_a_malformed_text_is_none() {
        let token = Token::generate(TenantId::from_row(7)).expect("randomness");
        assert_eq!(Token::parse(token.expose()).expect("a token").hash(), token.hash());
        let secret = "a".repeat(SECRET_LENGTH);
        for odd in [
            "",
            "ph_",
            "ph_7_",
            "ph_7_abc",
            &format!("ph_07_{secret}"),
            &format!("ph_-7_{secret}"),
            &format!("ph_7_{secret}a"),
            &format!("ph_99999999999999999999_{secret}"),
            &format!("xx_7_{secret}"),
        ] {
            assert!(Token::parse(odd).is_none(), "{odd}");
        }
        let invitation = InvitationToken::generate(TenantId::from_row(7)).expect("randomness");
        assert!(
            Token::parse(invitation.expose()).is_none() && InvitationToken::parse(token.expose()).is_none()
        );
    }
}
