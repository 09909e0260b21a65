//! The JSON API, as a script uses it.

mod accounts;
mod bad_input;
mod editing;
mod errors;
mod first_calls;
mod invitations;
mod members;
mod notes;
mod openapi;
mod paging;
mod passwords;
mod tenants;
