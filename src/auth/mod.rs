//! Who is asking: passwords, session tokens and the `CurrentUser` that handlers take. Pages and API use it
//! alike; a browser's cookie and a script's bearer token lead to the same session rows.

mod agent;
mod current_user;
mod login;
mod passwords;
mod session_cache;
mod token;

pub use agent::user_agent;
pub use current_user::CurrentUser;
pub use login::{LoginAttempt, LoginError, LoginOutcome, Matched, log_in};
pub use passwords::{Busy, HashQueue, Hasher};
pub use session_cache::SessionCache;
pub use token::{InvitationToken, Token};
