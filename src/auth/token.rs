//! Secrets of sessions and invitations: `ph_<tenant>_<256 random bits>` and `phi_…`. The tenant in front
//! makes the look-up touch one shard; it is no secret and no right, as a token of another tenant is simply
//! not found there.

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
            /// A new token of `tenant`, from the operating system's randomness.
            ///
            /// # Errors
            /// When the operating system has none.
            pub fn generate(tenant: TenantId) -> Result<Self, getrandom::Error> {
                let mut secret = [0; SECRET_BYTES];
                getrandom::fill(&mut secret)?;
                Ok(Self { text: format!(concat!($prefix, "_{}_{}"), tenant, URL_SAFE_NO_PAD.encode(secret)),
                    tenant })
            }

            /// Reads a token as it was sent; none for anything that cannot be one.
            pub fn parse(text: &str) -> Option<Self> {
                let tenant = tenant_of(text.strip_prefix(concat!($prefix, "_"))?)?;
                Some(Self { text: text.to_owned(), tenant })
            }

            /// The text to send.
            pub fn expose(&self) -> &str {
                &self.text
            }

            /// The tenant that the token claims; it is worth something once its row was found there.
            pub fn tenant(&self) -> TenantId {
                self.tenant
            }

            /// What the database keeps of it.
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

/// The tenant in what follows a token's prefix, when the rest is a secret.
fn tenant_of(text: &str) -> Option<TenantId> {
    let (tenant, secret) = text.split_once('_')?;
    let number: i64 =
        tenant.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == tenant)?;
    let plain = secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    plain.then(|| TenantId::from_row(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_anything_else_is_none() {
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
