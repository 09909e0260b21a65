//! Password hashes and the queue for them, tokens, the cache of sessions, and what slows guesses down. A
//! browser's cookie and a script's bearer token name rows of the same table. Nothing here knows HTTP.

#[cfg(test)]
mod any_input;
mod first_line;
mod hash_queue;
mod name_turns;
mod passwords;
mod session_cache;
mod session_uses;
mod throttle;
mod throttle_rules;
mod token;

pub use hash_queue::HashTurn;
pub use name_turns::NameTurn;
pub use passwords::{Busy, HashQueue, Hasher};
pub use session_cache::SessionCache;
pub use throttle::{AdmittedAttempt, Throttle, ThrottleError, ThrottledLogin, UnknownSecret};
pub use throttle_rules::ThrottleLimits;
pub use token::{InvitationToken, Token};
