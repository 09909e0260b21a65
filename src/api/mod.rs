//! The JSON API for scripts: one file for each resource, and one flat map of routes. It reads bearer tokens
//! and no cookies, so a page of another site cannot forge a request. `openapi` describes it, from the code of
//! the handlers. Only `app` uses this folder; it uses neither `pages` nor `admin`.

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
mod note_list;
mod note_view;
mod notes;
mod openapi;
mod openapi_errors;
mod problem;
mod registration;
pub mod routes;
mod search;
mod share_with;
mod shares;
mod tasks;
mod usage;

pub use openapi::document;
