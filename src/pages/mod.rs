//! HTML for people: one file for each resource, its askama pages beside its handlers, and one flat map of
//! routes. A handler parses, makes one call on the tenant handle, and answers with a page or a 303. No SQL
//! and no HTML here.

mod account;
mod bin;
mod browser_sessions;
mod dashboard;
mod draft;
mod format;
mod frame;
mod guide;
mod highlight;
mod inbox;
mod invitation_acceptance;
mod invitations;
mod login;
mod login_choice;
mod login_page;
mod logout;
mod markdown;
mod members;
mod notes;
mod organization;
mod registration;
mod revisions;
pub mod routes;
mod search;
mod shares;
mod tenants;
mod transfer;
mod unsaved;
mod welcome;
