//! The JSON API.

mod acceptances;
mod archives;
mod bad_input;
mod edit_conflicts;
mod errors;
mod getting_started;
mod idempotency;
pub mod inbox;
mod invitations;
mod members;
mod notes;
mod openapi;
mod paging;
mod passwords;
mod schemathesis;
pub mod search;
mod sharing;
mod tasks;
mod tenants;
mod tokens;
mod transfer;
mod transfers_in_progress;
