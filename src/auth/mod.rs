//! Password hashes, tokens and the cache of sessions. A browser's cookie and a script's bearer token name
//! rows of the same table. Nothing here knows HTTP.

#[cfg(test)]
mod any_input;
mod passwords;
mod session_cache;
mod token;

pub use passwords::{Busy, HashQueue, Hasher};
pub use session_cache::SessionCache;
pub use token::{InvitationToken, Token};
