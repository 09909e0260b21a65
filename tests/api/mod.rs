//! The JSON API, as a script uses it.

mod acceptances;
mod accounts;
mod bad_input;
mod editing;
mod errors;
mod first_calls;
mod idempotency;
pub mod inbox;
mod invitations;
mod members;
mod notes;
mod openapi;
mod paging;
mod passwords;
pub mod search;
mod sharing;
mod tenants;
mod transfer;
