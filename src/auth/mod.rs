//! Passwords, session tokens and the cache of sessions. A browser's cookie and a script's bearer token lead to
//! the same session rows.

mod passwords;
mod session_cache;
mod token;

pub use passwords::{Busy, HashQueue, Hasher};
pub use session_cache::SessionCache;
pub use token::{InvitationToken, Token};
