//! JSON for scripts: one file for each resource and one flat map of routes. Only bearer tokens count here, so
//! nothing in a browser's cookie jar can act. The shapes are described by `openapi`, from this code.

mod acceptances;
mod deliveries;
mod export;
mod import;
mod inbox;
mod inbox_reading;
mod invitations;
mod list_query;
mod login;
mod logout;
mod me;
mod members;
mod notes;
mod openapi;
mod problem;
mod registration;
pub mod routes;
mod share_with;
mod shares;

pub use openapi::document;
