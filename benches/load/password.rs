//! The password of all readers, and its hash.

use pigeonhole::auth::{HashTurn, Hasher};
use pigeonhole::domain::NewPassword;

use crate::outcome::Outcome;

pub const PASSWORD: &str = "walks through walls";
/// The default of BCRYPT_COST.
const COST: u32 = 12;

/// The hash as it is stored.
///
/// # Errors
/// When the product's hasher fails.
pub async fn stored_hash() -> Outcome<String> {
    let password = NewPassword::parse(PASSWORD).map_err(|_| "the password is refused")?;
    let turn = HashTurn::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    Ok(Hasher::with_cost(COST).hash(turn, &password).await?)
}
